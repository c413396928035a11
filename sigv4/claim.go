package sigv4

import (
	"net/http"
	"strings"
	"time"
)

// claimHeader reads the Authorization header of any service but S3.
func (s *scratch) claimHeader(values []string) *Error {
	c := &s.claim
	c.form, c.authorization = HeaderForm, values[0]
	if len(c.authorization) > maxAuthorization {
		c.authorization = ""
		e := s.fail(MissingParts)
		e.Missing = []string{"Credential", "Signature", "SignedHeaders"}
		return e
	}
	scheme, rest, _ := cutByte(c.authorization, ' ')
	switch {
	case scheme == algHMAC:
	case scheme == algECDSA:
		c.ecdsa = true
	case strings.HasPrefix(scheme, "AWS4-"):
		e := s.fail(UnknownAlgorithm)
		e.Got = scheme
		return e
	default:
		e := s.fail(UnsupportedScheme)
		e.Got = scheme
		e.Missing = s.missing()
		return e
	}
	// AWS reads the first header; refusing a second is safer, and costs no client anything.
	if len(values) > 1 {
		return s.fail(RepeatedAuthorization)
	}
	if e := s.claimItems(rest, MalformedAuthorization); e != nil {
		return e
	}
	if missing := s.missing(); missing != nil {
		e := s.fail(MissingParts)
		e.Missing = missing
		return e
	}
	s.claimHeaderToken()
	return nil
}

// claimItems reads the key=value items behind the algorithm.
func (s *scratch) claimItems(rest string, malformed Kind) *Error {
	c := &s.claim
	if strings.Trim(rest, " ") == "" {
		return nil
	}
	seen := [3]bool{}
	for more := true; more; {
		var item string
		item, rest, more = cutByte(rest, ',')
		item = strings.Trim(item, " ")
		name, value, ok := cutByte(item, '=')
		if !ok {
			e := s.fail(malformed)
			e.Got = clip(item)
			return e
		}
		var field *string
		var i int
		switch name {
		case "Credential":
			i, field = 0, &c.credential
		case "Signature":
			i, field = 1, &c.signature
		case "SignedHeaders":
			i, field = 2, &c.signedHeaders
		default:
			continue
		}
		// The last one wins, as at AWS, as far as the answer goes; but nothing repeated verifies.
		c.repeated = c.repeated || seen[i]
		seen[i], *field = true, value
	}
	return nil
}

// missing lists the parts that the Authorization header and the date lack, in the order of AWS's message.
func (s *scratch) missing() []string {
	c := &s.claim
	var missing []string
	if c.credential == "" {
		missing = append(missing, "Credential")
	}
	if c.signature == "" {
		missing = append(missing, "Signature")
	}
	if c.signedHeaders == "" {
		missing = append(missing, "SignedHeaders")
	}
	if s.claimDate(); c.date == "" {
		missing = append(missing, "Date")
	}
	return missing
}

// claimDate takes the date of the header form: x-amz-date, else Date. Of several the first counts, and makes the request
// unverifiable.
func (s *scratch) claimDate() {
	values := s.header("X-Amz-Date")
	if len(values) == 0 {
		values = s.header("Date")
	}
	if len(values) == 0 {
		return
	}
	s.claim.date = trimBlanks(values[0])
	if len(values) > 1 {
		s.claim.repeated = true
	}
}

// claimHeaderToken takes the session token of the header form. A request may carry it in the query as well as in the
// header, but not in both.
func (s *scratch) claimHeaderToken() {
	values := s.header("X-Amz-Security-Token")
	query, n := s.query("X-Amz-Security-Token")
	if len(values)+n > 1 {
		s.claim.tokenRepeated = true
	}
	if len(values) > 0 {
		s.claim.token = boundToken(trimBlanks(values[0]))
		return
	}
	s.claim.token = boundToken(query)
}

// boundToken cuts a token that is too long for any credential, which then matches none.
func boundToken(token string) string {
	if len(token) > maxToken {
		return token[:maxToken]
	}
	return token
}

// claimQuery reads the parameters of a presigned request of any service but S3.
func (s *scratch) claimQuery() *Error {
	c := &s.claim
	c.form = QueryForm
	algorithm, n := s.query("X-Amz-Algorithm")
	c.repeated = n > 1
	switch algorithm {
	case algHMAC:
	case algECDSA:
		c.ecdsa = true
	default:
		return s.fail(MissingAuthentication)
	}
	s.claimParameters()
	var missing []string
	for _, p := range [...]struct{ name, value string }{
		{"X-Amz-Credential", c.credential}, {"X-Amz-Signature", c.signature},
		{"X-Amz-SignedHeaders", c.signedHeaders}, {"X-Amz-Date", c.date},
	} {
		if p.value == "" {
			missing = append(missing, p.name)
		}
	}
	if missing != nil {
		e := s.fail(MissingParts)
		e.Missing = missing
		return e
	}
	return nil
}

// claimParameters reads what all presigned requests share. The first of a repeated parameter counts, and makes the
// request unverifiable, as does one that differs in case only (CVE-2022-2385).
func (s *scratch) claimParameters() {
	c := &s.claim
	take := func(name string) string {
		value, n := s.query(name)
		if n > 1 {
			c.repeated = true
		}
		return value
	}
	c.credential = take("X-Amz-Credential")
	c.signature = take("X-Amz-Signature")
	c.signedHeaders = take("X-Amz-SignedHeaders")
	c.date = take("X-Amz-Date")
	take("X-Amz-Expires")
	take("X-Amz-Region-Set")
	query, n := s.query("X-Amz-Security-Token")
	values := s.header("X-Amz-Security-Token")
	if len(values)+n > 1 {
		c.tokenRepeated = true
	}
	c.token = boundToken(query)
	if n == 0 && len(values) > 0 {
		c.token = boundToken(trimBlanks(values[0]))
	}
}

// readTime reads the date of the claim. The header form takes ISO 8601's extended format too; the string to sign has
// the basic one in any case.
func (s *scratch) readTime() *Error {
	c := &s.claim
	if t, ok := parseTime(c.date); ok {
		c.time, c.timestamp = t, c.date
		return nil
	}
	if c.form == HeaderForm && len(c.date) == 20 {
		if t, err := time.Parse("2006-01-02T15:04:05Z", c.date); err == nil {
			c.time, c.timestamp = t, t.Format(basicTime)
			return nil
		}
	}
	e := s.fail(BadDate)
	e.Got = clip(c.date)
	return e
}

// splitCredential takes the credential apart: five parts, or four under SigV4A, whose scope names no Region.
func (c *claim) splitCredential(trailing bool) bool {
	v := c.credential
	if len(v) > maxCredential {
		return false
	}
	if trailing {
		v = strings.TrimRight(v, "/")
	}
	id, scope, ok := cutByte(v, '/')
	parts := 4
	if c.ecdsa {
		parts = 3
	}
	if !ok || strings.Count(scope, "/") != parts-1 {
		return false
	}
	c.accessKeyID, c.scope = id, scope
	c.scopeDate, scope, _ = cutByte(scope, '/')
	if !c.ecdsa {
		c.region, scope, _ = cutByte(scope, '/')
	}
	c.service, c.lastPart, _ = cutByte(scope, '/')
	return true
}

// wrongScope lists all parts of the scope that are not this endpoint's, in the order of AWS's message.
func (s *scratch) wrongScope() []ScopePart {
	c := &s.claim
	var wrong []ScopePart
	if !c.ecdsa && !s.ep.Allows(c.region) {
		wrong = append(wrong, ScopePart{Name: "region", Got: c.region, Want: s.ep.Region})
	}
	if c.service != s.ep.Name {
		wrong = append(wrong, ScopePart{Name: "service", Got: c.service, Want: s.ep.Name})
	}
	if c.lastPart != terminator {
		wrong = append(wrong, ScopePart{Name: "terminator", Got: c.lastPart, Want: terminator})
	}
	if !c.scopeDateIs(c.time) {
		wrong = append(wrong, ScopePart{Name: "date", Got: c.scopeDate, Want: c.time.Format("20060102"), Timestamp: c.timestamp})
	}
	return wrong
}

// scopeDateIs reports whether the scope's date is the day of t, without formatting it.
func (c *claim) scopeDateIs(t time.Time) bool {
	if len(c.timestamp) == 16 {
		return c.scopeDate == c.timestamp[:8]
	}
	return c.scopeDate == t.Format("20060102")
}

// readRegionSet takes the Region set of a SigV4A claim, which must be signed and cover the endpoint.
func (s *scratch) readRegionSet() *Error {
	c := &s.claim
	var set string
	if c.form == QueryForm {
		set, _ = s.query("X-Amz-Region-Set")
	}
	if values := s.header("X-Amz-Region-Set"); set == "" && len(values) == 1 && s.signs("x-amz-region-set") {
		set = values[0]
	}
	if strings.Trim(set, " \t,") == "" || len(set) > maxCredential {
		return s.fail(MissingRegionSet)
	}
	c.regionSet = set
	if !s.ep.allowsSet(set) {
		e := s.fail(WrongRegionSet)
		e.Got = set
		return e
	}
	return nil
}

// Claim is what a request says of its credential, unverified.
type Claim struct {
	AccessKeyID, Service string
	// Region is empty under SigV4A, whose scope names none.
	Region string
	SigV4A bool
}

// ClaimedKey returns the credential that a request names in its one Authorization header, unverified. It
// exists for modes that the operator has chosen to run without verification; it never says who a caller is. It finds none
// in a request that carries a query signature as well, or anything twice. Blanks around the access key id are ignored: they
// come from a profile or a variable that was written by hand.
func ClaimedKey(r *http.Request) (Claim, bool) {
	s := scratches.Get().(*scratch)
	defer s.release()
	s.r, s.ep.S3 = r, true // the rules for targets that refuse least
	values := s.header("Authorization")
	if len(values) != 1 || len(values[0]) > maxAuthorization || s.open() != nil || s.presigned() {
		return Claim{}, false
	}
	scheme, rest, _ := cutByte(values[0], ' ')
	c := &s.claim
	c.ecdsa = scheme == algECDSA
	if scheme != algHMAC && !c.ecdsa || s.claimItems(rest, MalformedAuthorization) != nil || c.repeated {
		return Claim{}, false
	}
	if !c.splitCredential(false) {
		return Claim{}, false
	}
	if c.accessKeyID = trimBlanks(c.accessKeyID); !plausibleKeyID(c.accessKeyID) {
		return Claim{}, false
	}
	return Claim{AccessKeyID: c.accessKeyID, Region: c.region, Service: c.service, SigV4A: c.ecdsa}, true
}

// ClaimedQueryKey is ClaimedKey for presigned requests: the credential in the one X-Amz-Credential of a request
// without Authorization header.
func ClaimedQueryKey(r *http.Request) (Claim, bool) {
	s := scratches.Get().(*scratch)
	defer s.release()
	s.r, s.ep.S3 = r, true
	if len(s.header("Authorization")) > 0 || s.open() != nil {
		return Claim{}, false
	}
	c := &s.claim
	algorithm, n := s.query("X-Amz-Algorithm")
	c.ecdsa = algorithm == algECDSA
	if n != 1 || algorithm != algHMAC && !c.ecdsa {
		return Claim{}, false
	}
	if s.claimParameters(); c.repeated || !c.splitCredential(false) || !plausibleKeyID(c.accessKeyID) {
		return Claim{}, false
	}
	return Claim{AccessKeyID: c.accessKeyID, Region: c.region, Service: c.service, SigV4A: c.ecdsa}, true
}

// presigned reports whether the query carries any part of a signature.
func (s *scratch) presigned() bool {
	for _, name := range [...]string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "Signature", "AWSAccessKeyId"} {
		for _, q := range s.items {
			if got := s.enc[q.name:q.eq]; len(got) == len(name) && equalFold(got, name) {
				return true
			}
		}
	}
	return false
}

// plausibleKeyID holds an id against AWS's pattern, \w{1,128}.
func plausibleKeyID(id string) bool {
	for i := range len(id) {
		if c := id[i]; !unreserved[c] || c == '-' || c == '.' || c == '~' {
			return false
		}
	}
	return id != "" && len(id) <= maxAccessKeyID
}
