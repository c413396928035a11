package handlers

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/json"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"gatehouse/awserr"
	"gatehouse/catalog"
	"gatehouse/policy"
	"gatehouse/store"
)

// sessionParameters is what a caller passes along with a session: policies that limit it and tags that describe it.
type sessionParameters struct {
	policy     *string
	policyARNs []types.PolicyDescriptorType
	tags       []types.Tag
	transitive []string
	// inherited are the transitive tags of the calling session.
	inherited []store.Tag
	// account is where the managed policies are: the role's or the federated user's.
	account string
}

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
const (
	maxSessionPolicies = 10
	maxSessionTags     = 50
)

// sessionDetails checks the parameters and returns them as they are stored, with the packed size in percent, nil when
// there is nothing to pack.
func (s *STS) sessionDetails(ctx context.Context, p sessionParameters) (store.SessionDetails, *int32, error) {
	var d store.SessionDetails
	if p.policy != nil {
		if err := policy.Check(policy.Session.In(s.partition), *p.policy); err != nil {
			return d, nil, policyError(err)
		}
		d.Policy = *p.policy
	}
	if len(p.policyARNs) > maxSessionPolicies {
		return d, nil, awserr.ValidationError.Errorf("1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length less than or equal to %d", maxSessionPolicies)
	}
	for _, a := range p.policyARNs {
		arn := aws.ToString(a.Arn)
		if _, err := s.managedPolicy(ctx, p.account, arn); err != nil {
			return d, nil, err
		}
		d.PolicyARNs = append(d.PolicyARNs, arn)
	}
	if err := s.sessionTags(p, &d); err != nil {
		return d, nil, err
	}
	if d.Policy == "" && len(d.PolicyARNs) == 0 && len(p.tags) == 0 {
		return d, nil, nil
	}
	packed, err := packedSize(d)
	if err != nil {
		return d, nil, err
	}
	return d, &packed, nil
}

// managedPolicy returns the default version's document of a managed policy that account may use: its own, or AWS's.
func (s *STS) managedPolicy(ctx context.Context, account, arn string) (string, error) {
	absent := awserr.InvalidParameterValue.Errorf("Policy ARN %s does not exist or is not attachable.", arn)
	if m := policyARNShape().FindStringSubmatch(arn); m != nil && m[1] != s.partition {
		return "", absent
	}
	if p, ok := catalog.Policy(arn); ok {
		return p.Document(), nil
	}
	doc, err := s.tx.Account(account).PolicyDocument(ctx, arn)
	if store.IsNotFound(err) {
		return "", absent
	}
	return doc, err
}

// sessionTags merges the tags of the request with those inherited. Keys are compared without case.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
func (s *STS) sessionTags(p sessionParameters, d *store.SessionDetails) error {
	has := func(tags []store.Tag, key string) bool {
		for _, t := range tags {
			if strings.EqualFold(t.Key, key) {
				return true
			}
		}
		return false
	}
	d.Tags = append(d.Tags, p.inherited...)
	var own []store.Tag
	for _, t := range p.tags {
		key, value := aws.ToString(t.Key), aws.ToString(t.Value)
		// The rule is for sessions, too; that it has the code of other wrong tags is assumed. https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html#id_tags_rules
		if reservedTag(key) {
			return awserr.InvalidParameterValue.Errorf("aws: prefixed tag key names are not allowed for external use.")
		}
		if has(own, key) {
			return awserr.InvalidParameterValue.Errorf("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		if has(p.inherited, key) {
			return awserr.InvalidParameterValue.Errorf("One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.")
		}
		own = append(own, store.Tag{Key: key, Value: value})
	}
	d.Tags = append(d.Tags, own...)
	for _, t := range p.inherited {
		d.TransitiveTagKeys = append(d.TransitiveTagKeys, t.Key)
	}
	for _, key := range p.transitive {
		if !has(own, key) {
			return awserr.InvalidParameterValue.Errorf("The specified transitive tag key must be included in the requested tags.")
		}
		d.TransitiveTagKeys = append(d.TransitiveTagKeys, key)
	}
	if len(d.Tags) > maxSessionTags {
		return awserr.InvalidParameterValue.Errorf("The number of session tags exceeds the limit of %d.", maxSessionTags)
	}
	return nil
}

// packedLimit is how many bytes AWS's packed form may have. Neither the form nor the limit is published; with
// deflate and this limit AWS's documented example comes out as its documented 8 percent or close to it, and 2,048
// characters of ordinary policy fit.
const packedLimit = 1024

// packedSize returns how much of the allotted space the policies and tags take, in percent, and AWS's refusal above
// 100.
func packedSize(d store.SessionDetails) (int32, error) {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		return 0, err
	}
	if d.Policy != "" {
		var minified bytes.Buffer
		if err := json.Compact(&minified, []byte(d.Policy)); err != nil {
			return 0, err
		}
		if _, err := minified.WriteTo(w); err != nil {
			return 0, err
		}
	}
	for _, arn := range d.PolicyARNs {
		_, _ = w.Write([]byte("\x00" + arn)) // into memory: it cannot fail
	}
	for _, t := range d.Tags {
		_, _ = w.Write([]byte("\x00" + t.Key + "\x00" + t.Value))
	}
	if err := w.Close(); err != nil {
		return 0, err
	}
	percent := int32((b.Len()*100 + packedLimit - 1) / packedLimit)
	if percent > 100 {
		if d.Policy == "" && len(d.PolicyARNs) == 0 {
			return 0, awserr.PackedPolicyTooLarge.Errorf("Packed size of session tags consumes %d%% of allotted space.", percent)
		}
		return 0, awserr.PackedPolicyTooLarge.Errorf("Packed policy consumes %d%% of allotted space, please use smaller policy.", percent)
	}
	return percent, nil
}

// authenticateMFA checks the device and the code that a caller sends, both or neither.
func (s *STS) authenticateMFA(ctx context.Context, serial, code *string) (mfaCheck, error) {
	if serial == nil && code == nil {
		return mfaCheck{}, nil
	}
	if serial == nil || code == nil {
		return mfaCheck{}, awserr.AccessDenied.Errorf("MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.")
	}
	return s.checkMFA(ctx, *serial, *code)
}
