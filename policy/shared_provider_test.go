package policy

import (
	"errors"
	"strings"
	"testing"
)

// IAM refuses trust policies that would let all customers of a shared provider in.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp_oidc.html#idp_oidc_Create_GitHub
func TestCheckSharedProviders(t *testing.T) {
	t.Parallel()
	const github = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
	policy := func(effect, provider, action, condition string) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"` + effect + `","Principal":{"Federated":["` + provider + `"]},"Action":` + action + `,"Condition":` + condition + `}]}`
	}
	const web = `"sts:AssumeRoleWithWebIdentity"`
	const key = "token.actions.githubusercontent.com:sub"
	for _, tt := range []struct {
		name, text, key string // key: that is asked for; empty: it is good
	}{
		{"subject", policy("Allow", github, web, `{"StringLike":{"`+key+`":"repo:octo/*"}}`), ""},
		{"subject in another case, among others", policy("Allow", github, `["sts:TagSession","STS:AssumeRoleWith*"]`,
			`{"StringEquals":{"token.actions.githubusercontent.com:aud":"x"},"ForAnyValue:StringLike":{"Token.Actions.githubusercontent.com:SUB":["a","b*"]}}`), ""},
		{"no conditions", policy("Allow", github, web, `{}`), key},
		{"other claims only", policy("Allow", github, web, `{"StringEquals":{"token.actions.githubusercontent.com:aud":"sts.amazonaws.com"}}`), key},
		{"of another partition", policy("Allow", strings.Replace(github, "aws", "aws-cn", 1), `["sts:*"]`, `{}`), key},
		{"anything", policy("Allow", github, web, `{"StringLike":{"`+key+`":"*"}}`), key},
		{"anything, long", policy("Allow", github, web, `{"StringLike":{"`+key+`":"?*"}}`), key},
		{"nothing", policy("Allow", github, web, `{"StringEquals":{"`+key+`":""}}`), key},
		{"no values", policy("Allow", github, web, `{"StringEquals":{"`+key+`":[]}}`), key},
		{"anything, too", policy("Allow", github, web, `{"StringLike":{"`+key+`":["repo:octo/*","*"]}}`), key},
		{"it is there", policy("Allow", github, web, `{"Null":{"`+key+`":"false"}}`), key},
		{"deny", policy("Deny", github, web, `{}`), ""},
		{"tags only", policy("Allow", github, `"sts:TagSession"`, `{}`), ""},
		{"every action", policy("Allow", github, `"sts:*"`, `{}`), key},
		{"one's own enterprise", policy("Allow", github+"/octo", web, `{}`), ""},
		{"another provider", policy("Allow", "arn:aws:iam::123456789012:oidc-provider/idp.example.com", web, `{}`), ""},
		{"Cognito", policy("Allow", "cognito-identity.amazonaws.com", web, `{"StringEquals":{"cognito-identity.amazonaws.com:amr":"authenticated"}}`), "cognito-identity.amazonaws.com:aud"},
		{"Cognito with its pool", policy("Allow", "cognito-identity.amazonaws.com", web, `{"StringEquals":{"cognito-identity.amazonaws.com:aud":"us-east-1:1"}}`), ""},
		{"Terraform Cloud", policy("Allow", "arn:aws:iam::123456789012:oidc-provider/app.terraform.io", web, `{"StringEquals":{"app.terraform.io:aud":"x"}}`), "app.terraform.io:sub"},
		{"Azure Sentinel", policy("Allow", "arn:aws:iam::123456789012:oidc-provider/sts.windows.net/33e01921-4d64-4f8c-a055-5bdaffd5e33d", web,
			`{"StringEquals":{"sts:RoleSessionName":"MicrosoftSentinel_1"}}`), ""},
		{"everybody", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRoleWithWebIdentity"}}`, ""},
		{"second statement", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"},
			{"Effect":"Allow","Principal":{"Federated":"` + github + `"},"Action":"sts:AssumeRoleWithWebIdentity"}]}`, key},
	} {
		err := CheckSharedProviders(tt.text)
		fault, _ := errors.AsType[*Fault](err)
		if tt.key == "" && err != nil || tt.key != "" && (fault == nil || fault.Code != "MalformedPolicyDocument" || !strings.Contains(fault.Message, " "+tt.key+",")) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.key)
		}
	}
}
