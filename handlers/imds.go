package handlers

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/auth"
	"gatehouse/awserr"
	"gatehouse/lazy"
	"gatehouse/policy"
	"gatehouse/store"
)

const (
	imdsToken    = "X-Aws-Ec2-Metadata-Token"
	imdsTokenTTL = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds"
	// maxIMDSToken is how long a token of the instance metadata service lives at most.
	maxIMDSToken = 6 * time.Hour
)

var instanceProfileARN = lazy.Regexp(`^arn:(aws[a-z-]*):iam::([0-9]{12}):instance-profile(/[\x21-\x7e]*/|/)([\w+=,.@-]{1,128})$`)

// InstanceMetadata is the metadata service of an EC2 instance, version 2 and, where it is allowed, 1: the role's credentials,
// and what programs look up beside them. It is served on an address of its own.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-v2-how-it-works.html
func (s *Server) InstanceMetadata() http.Handler {
	key := make([]byte, 32)
	rand.Read(key) // never fails
	return &imds{s, key, s.clock.Now()}
}

type imds struct {
	*Server
	key     []byte // of the tokens, which end with the process
	started time.Time
}

func (m *imds) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", "EC2ws")
	if r.URL.Path == "/latest/api/token" {
		m.issueToken(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		m.fail(w, http.StatusMethodNotAllowed)
		return
	}
	token := r.Header.Get(imdsToken)
	if token == "" && !m.endpoints.InstanceV1 || token != "" && !m.good(token) {
		m.fail(w, http.StatusUnauthorized)
		return
	}
	m.answer(w, r)
}

// metadataVersion is what a path begins with: the latest version of the service, or one by its date.
var metadataVersion = lazy.Regexp(`^/(?:latest|20[0-9]{2}-[0-9]{2}-[0-9]{2}|1\.0)(?:/|$)`)

// answer answers one path: with its value or, of a directory, with what is in it.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-categories.html
func (m *imds) answer(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/" {
		m.text(w, "latest")
		return
	}
	version := metadataVersion().FindString(r.URL.Path)
	if version == "" {
		m.fail(w, http.StatusNotFound)
		return
	}
	path := strings.TrimSuffix(r.URL.Path[len(version):], "/")
	if v, ok := m.values()[path]; ok {
		m.text(w, v)
		return
	}
	if path == "dynamic/instance-identity/document" {
		m.identity(w)
		return
	}
	if inner, ok := strings.CutPrefix(path, "meta-data/iam"); ok && (inner == "" || inner[0] == '/') {
		m.iam(w, r, path)
		return
	}
	if list := m.list(path); list != "" {
		m.text(w, list)
		return
	}
	m.fail(w, http.StatusNotFound)
}

// values are what the instance that there is not says of itself, by path.
func (m *imds) values() map[string]string {
	partition := auth.Partition(m.region)
	return map[string]string{
		"meta-data/ami-id":                      machineImage(),
		"meta-data/hostname":                    machineName,
		"meta-data/instance-id":                 m.instanceID(),
		"meta-data/instance-type":               machineType,
		"meta-data/local-hostname":              machineName,
		"meta-data/local-ipv4":                  machineAddress,
		"meta-data/placement/availability-zone": m.region + "a",
		"meta-data/placement/region":            m.region,
		"meta-data/services/domain":             cmp.Or(domains[partition], "amazonaws.com"),
		"meta-data/services/partition":          partition,
	}
}

// domains are those of the endpoints of partitions that have another one than aws.
// https://github.com/aws/aws-sdk-go-v2/blob/main/internal/endpoints/awsrulesfn/partitions.json
var domains = map[string]string{
	"aws-cn":    "amazonaws.com.cn",
	"aws-eusc":  "amazonaws.eu",
	"aws-iso":   "c2s.ic.gov",
	"aws-iso-b": "sc2s.sgov.gov",
	"aws-iso-e": "cloud.adc-e.uk",
	"aws-iso-f": "csp.hci.ic.gov",
}

const (
	machineType    = "t3.micro"
	machineName    = "localhost"
	machineAddress = "127.0.0.1"
)

func machineImage() string { return "ami-" + pseudoID("image", 17) }

// list returns what is in a directory, a line each and sorted, with a slash behind what is a directory; "" of a path that
// is none.
func (m *imds) list(path string) string {
	if path != "" {
		path += "/"
	}
	names := make(map[string]bool)
	add := func(file string) {
		if rest, ok := strings.CutPrefix(file, path); ok {
			name, _, directory := strings.Cut(rest, "/")
			if directory && path != "" { // at the top AWS leaves it out
				name += "/"
			}
			names[name] = true
		}
	}
	for file := range m.values() {
		add(file)
	}
	add("meta-data/iam/info")
	add("dynamic/instance-identity/document")
	return strings.Join(slices.Sorted(maps.Keys(names)), "\n")
}

func (m *imds) text(w http.ResponseWriter, s string) {
	w.Header().Set("Content-Type", "text/plain")
	_, _ = w.Write([]byte(s))
}

// fail answers as EC2 does: a status, and nothing that a client reads.
func (m *imds) fail(w http.ResponseWriter, status int) {
	http.Error(w, strconv.Itoa(status)+" - "+http.StatusText(status), status)
}

// issueToken answers PUT /latest/api/token. A request that came through a proxy is refused: it may have been forged by
// a server inside, and not sent by the instance.
func (m *imds) issueToken(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPut {
		m.fail(w, http.StatusMethodNotAllowed)
		return
	}
	if len(r.Header.Values("X-Forwarded-For")) > 0 { // an empty one, too: the header is what tells
		m.fail(w, http.StatusForbidden)
		return
	}
	var seconds uint64
	given := r.Header.Values(imdsTokenTTL)
	if len(given) == 1 {
		seconds, _ = strconv.ParseUint(given[0], 10, 16) // no sign; 0 or too many when it is no number
	}
	if seconds < 1 || seconds > uint64(maxIMDSToken/time.Second) {
		m.fail(w, http.StatusBadRequest)
		return
	}
	var body [8]byte
	binary.BigEndian.PutUint64(body[:], uint64(m.clock.Now().Add(time.Duration(seconds)*time.Second).Unix()))
	w.Header().Set(imdsTokenTTL, strconv.FormatUint(seconds, 10))
	w.Header().Set("Content-Type", "text/plain")
	_, _ = w.Write([]byte(base64.URLEncoding.EncodeToString(m.seal(body[:]))))
}

// seal returns body with its authentication code.
func (m *imds) seal(body []byte) []byte {
	mac := hmac.New(sha256.New, m.key)
	mac.Write(body)
	return mac.Sum(body[:len(body):len(body)])
}

// good reports whether a token was issued here and has not expired on the emulated clock.
func (m *imds) good(token string) bool {
	b, err := base64.URLEncoding.DecodeString(token)
	if err != nil || len(b) != 8+sha256.Size || !hmac.Equal(m.seal(b[:8]), b) {
		return false
	}
	return m.clock.Now().Unix() < int64(binary.BigEndian.Uint64(b))
}

// instanceID is that of the instance that there is not.
func (m *imds) instanceID() string { return "i-" + pseudoID(m.endpoints.InstanceRole, 17) }

// iam answers what is said of the instance's role.
func (m *imds) iam(w http.ResponseWriter, r *http.Request, path string) {
	role, profile, err := m.instanceRole(r.Context())
	if err != nil {
		if !store.IsNotFound(err) {
			m.log.ErrorContext(r.Context(), "instance metadata", "error", err)
			m.fail(w, http.StatusInternalServerError)
			return
		}
		m.fail(w, http.StatusNotFound)
		return
	}
	switch path {
	case "meta-data/iam":
		list := "security-credentials/"
		if profile != nil {
			list = "info\n" + list
		}
		m.text(w, list)
	case "meta-data/iam/info":
		if profile == nil { // a role without an instance profile can't be an instance's
			m.fail(w, http.StatusNotFound)
			return
		}
		m.json(w, map[string]string{
			"Code": "Success", "LastUpdated": m.stamp(m.clock.Now()),
			"InstanceProfileArn": m.unsigned(m.endpoints.InstanceRole).arnIn(profile.AccountID, "instance-profile"+profile.Path+profile.Name), "InstanceProfileId": profile.ID,
		})
	case "meta-data/iam/security-credentials":
		m.text(w, role.Name)
	case "meta-data/iam/security-credentials/" + role.Name:
		m.credentials(w, r, role)
	default:
		m.fail(w, http.StatusNotFound)
	}
}

// instanceRole returns the role of the instance and, where there is one, its instance profile.
func (m *imds) instanceRole(ctx context.Context) (role store.Role, profile *store.InstanceProfile, err error) {
	s := m.unsigned(m.endpoints.InstanceRole)
	err = m.db.View(ctx, func(tx *store.Tx) error {
		s.tx = tx
		p := instanceProfileARN().FindStringSubmatch(m.endpoints.InstanceRole)
		if p == nil {
			if role, err = s.roleNamed(ctx, m.endpoints.InstanceRole); err != nil {
				return err
			}
			list, err := tx.Account(role.AccountID).InstanceProfilesOfRole(ctx, role.ID, "", 1)
			if err == nil && len(list) > 0 {
				profile = &list[0]
			}
			return err
		}
		a := tx.Account(p[2])
		found, err := a.InstanceProfile(ctx, p[4])
		if err != nil {
			return err
		}
		profile = &found
		roles, err := a.InstanceProfileRoles(ctx, found.ID)
		if err != nil {
			return err
		}
		if len(roles) == 0 {
			return &store.NotFound{Kind: "role", Name: found.Name}
		}
		role = roles[0]
		return nil
	})
	return role, profile, err
}

// ec2Principal is EC2's service principal, by which a role's trust policy knows it: the same in all partitions, or the
// one that it used to have in this one, and that is still good.
// https://docs.amazonaws.cn/en_us/aws/latest/userguide/iam.html
func ec2Principal(partition, trust string) string {
	const everywhere = "ec2.amazonaws.com"
	d, err := policy.Parse(trust)
	if err != nil || domains[partition] == "" {
		return everywhere
	}
	named := policy.TrustPrincipals(d)
	former := "ec2." + domains[partition]
	if !slices.Contains(named, policy.PrincipalRef{Type: "Service", Value: former}) || slices.Contains(named, policy.PrincipalRef{Type: "Service", Value: everywhere}) {
		return everywhere
	}
	return former
}

// credentials answers with the role's credentials, or says that EC2 may not assume it.
func (m *imds) credentials(w http.ResponseWriter, r *http.Request, role store.Role) {
	s := m.unsigned(m.endpoints.InstanceRole)
	instance := m.instanceID()
	version := "2.0"
	if r.Header.Get(imdsToken) == "" {
		version = "1.0"
	}
	session, err := m.endpointSession(r.Context(), unsignedSession{
		action: "sts:AssumeRole", principal: service(ec2Principal(s.partition, role.TrustPolicy)),
		roleARN: s.arnIn(role.AccountID, "role"+role.Path+role.Name), name: instance,
		sessionKeys: map[string][]string{
			"ec2:RoleDelivery":      {version},
			"ec2:SourceInstanceArn": {"arn:" + s.partition + ":ec2:" + m.region + ":" + role.AccountID + ":instance/" + instance},
		},
	})
	switch {
	case awserr.From(err) != nil:
		m.json(w, map[string]string{
			"Code": "AssumeRoleUnauthorizedAccess", "LastUpdated": m.stamp(m.clock.Now()),
			"Message": "EC2 cannot assume the role " + role.Name + ". Please see documentation at https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_iam-ec2.html#troubleshoot_iam-ec2_errors-info-doc.",
		})
		return
	case err != nil:
		m.log.ErrorContext(r.Context(), "instance metadata", "error", err)
		m.fail(w, http.StatusInternalServerError)
		return
	}
	m.json(w, struct {
		Code, LastUpdated, Type string
		RoleCredentials
	}{"Success", m.stamp(session.Issued.Time()), "AWS-HMAC", roleCredentials(session)})
}

// identity answers with the instance identity document. What the instance has none of is null and not left out, as on EC2:
// the SDK for Java 1.x can't read a document without it.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-identity-documents.html
func (m *imds) identity(w http.ResponseWriter) {
	account := ""
	if p := strings.Split(m.endpoints.InstanceRole, ":"); len(p) > 4 {
		account = p[4]
	}
	m.json(w, map[string]any{
		"accountId": account, "architecture": "x86_64", "availabilityZone": m.region + "a", "imageId": machineImage(),
		"instanceId": m.instanceID(), "instanceType": machineType, "pendingTime": m.stamp(m.started), "privateIp": machineAddress,
		"region": m.region, "version": "2017-09-30",
		"billingProducts": nil, "devpayProductCodes": nil, "kernelId": nil, "marketplaceProductCodes": nil, "ramdiskId": nil,
	})
}

func (m *imds) stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// json writes v as EC2 does: as text, over several lines.
func (m *imds) json(w http.ResponseWriter, v any) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err) // strings only
	}
	w.Header().Set("Content-Type", "text/plain")
	_, _ = w.Write(text)
}
