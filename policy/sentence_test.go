package policy

import "testing"

// TestSentences holds the sentences of AWS for each fault of a document that is sent to IAM.
func TestSentences(t *testing.T) {
	t.Parallel()
	const (
		path = `IAM resource path must either be "*" or start with user/, federated-user/, role/, group/, instance-profile/, mfa/, server-certificate/, ` +
			`policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/.`
		account = `"Principal":{"AWS":"123456789012"}`
		assume  = `"Action":"sts:AssumeRole"`
		good    = `"Effect":"Allow","Action":"s3:*","Resource":"*"`
	)
	one := func(elements string) string { return document(`{` + elements + `}`) }
	for _, tt := range []struct {
		target     Target
		text, want string
	}{
		{Managed, `{`, "Syntax errors in policy."},
		{Managed, one(`"Effect":"Allow","Action":"s3:*","Resource":"*","Extra":1`), "Syntax errors in policy."},
		{Managed, `{"Version":"2008-10-17","Statement":[{` + good + `}]}`, "Policy document must be version 2012-10-17 or greater."},
		{InlineUser("u", 0), `{"Version":"2008-10-17","Statement":[{` + good + `}]}`, ""},
		{Managed, one(`"Effect":"allow","Action":"s3:*","Resource":"*"`), "The policy failed legacy parsing"},
		{Managed, document(`{"Sid":"A",` + good + `},{"Sid":"A",` + good + `}`), "Statement IDs (SID) in a single policy must be unique."},
		{Managed, one(`"Sid":"a b",` + good), "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"},
		{Managed, one(`"Effect":"Allow","Action":[],"Resource":"*"`), "Policy statement must contain actions."},
		{Managed, one(`"Effect":"Allow","Action":"s3:*","Resource":"bucket"`), `Resource bucket must be in ARN format or "*".`},
		{Managed, one(`"Effect":"Allow","Action":"s3:*","Resource":"arn:x:s3:::b"`), `Partition "x" is not valid for resource "arn:x:s3:::b".`},
		{Managed, one(`"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:*:::b"`), "Resource vendor must be fully qualified and cannot contain regexes."},
		{Managed, one(`"Effect":"Allow","Action":"iam:*","Resource":"arn:aws:iam:us-east-1::user/x"`), "IAM resource arn:aws:iam:us-east-1::user/x cannot contain region information."},
		{Managed, one(`"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:us-east-1::b"`), "Resource arn:aws:s3:us-east-1::b can not contain region information."},
		{Managed, one(`"Effect":"Allow","Action":"iam:*","Resource":"arn:aws:iam::123456789012:widget/x"`), path},
		{Managed, one(`"Effect":"Allow","Action":"ListUsers","Resource":"*"`), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."},
		{Managed, one(`"Effect":"Allow","Action":"s3:Get:Object","Resource":"*"`), "Actions/Condition can contain only one colon."},
		{Managed, one(`"Effect":"Allow","Action":"s 3:Get","Resource":"*"`), "Vendor s 3 is not valid"},
		{Managed, one(`"Effect":"Allow","Action":"s3:*"`), "Policy statement must contain resources."},
		{Managed, one(account + `,` + good), "Policy document should not specify a principal."},
		{Managed, one(`"Sid":"é😀",` + good), "The specified value for policyDocument is invalid. It must contain only printable ASCII characters."},

		{Trust, `not JSON`, "This policy contains invalid Json"},
		{Trust, one(`"Effect":"Allow",` + account + `,` + assume + `,"Resource":"*"`), "Has prohibited field Resource"},
		{Trust, one(`"Effect":"Allow",` + account + `,` + assume + `,"NotResource":"*"`), "Has prohibited field NotResource"},
		{Trust, one(`"Effect":"Allow",` + assume), "Missing required field Principal"},
		{Trust, one(`"Effect":"Allow",` + account + `,"Action":"s3:*"`), "AssumeRole policy may only specify STS AssumeRole actions."},
		{Trust, one(`"Effect":"Allow",` + account + `,` + assume + `,"Extra":1`), "Unknown field Extra"},
		{Trust, one(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:role/*"},` + assume), `Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:role/*"`},
		{Trust, one(`"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:group/g"},` + assume), `Invalid principal in policy: "AWS":"arn:aws:iam::123456789012:group/g"`},
		{Trust, one(`"Effect":"Allow","Principal":{"Service":"ec2"},` + assume), `Invalid principal in policy: "SERVICE":"ec2"`},
		{Trust, `{"Version":"2012-10-17","Statement":[]}`, "Could not parse the policy: Statement is empty!"},
		{Trust, `{"Version":"2012","Statement":[{"Effect":"Allow",` + account + `,` + assume + `}]}`, "The policy must contain a valid version string"},
		{Trust, one(account + `,` + assume), "Missing required field Effect"},
		{Trust, one(`"Effect":"Allow",` + account), "Missing required field Action"},
		{Trust, one(`"Effect":"Permit",` + account + `,` + assume), "Invalid effect: Permit"},
		{Trust, one(`"Effect":"Allow","Principal":{},` + assume), "Missing required field Principal cannot be empty!"},
		{Trust, one(`"Effect":"Deny","NotPrincipal":{"AWS":"123456789012"},` + assume), "AssumeRole policy must not contain NotPrincipal field."},
		{Trust, document(`{"Sid":"A","Effect":"Allow",` + account + `,` + assume + `},{"Sid":"A","Effect":"Allow",` + account + `,` + assume + `}`), "The Statement Ids in the policy are not unique"},
		{Trust, one(`"Effect":"Allow","Principal":{"Federated":"cognito-identity.amazonaws.com"},"Action":"sts:AssumeRoleWithWebIdentity"`), "A condition block must be present for the Cognito provider"},
	} {
		got := ""
		if err := Check(tt.target, tt.text); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.text, got, tt.want)
		}
	}
}
