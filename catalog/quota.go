package catalog

// Quota is a limit of IAM that holds for an account.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
type Quota struct {
	// Name is what the sentence of LimitExceeded calls it: Cannot exceed quota for UsersPerAccount: 5000.
	Name string
	// Default holds unless it was adjusted. Sizes of documents are in characters without white space.
	Default int
	// Summary is the key under which GetAccountSummary shows it, or empty.
	Summary string
}

var quotas = []Quota{
	{"ACLSizePerRole", 2048, "AssumeRolePolicySizeQuota"},
	{"AccessKeysPerUser", 2, "AccessKeysPerUserQuota"},
	{"ClientIdsPerOpenIdConnectProvider", 100, ""},
	{"GroupPolicySize", 5120, "GroupPolicySizeQuota"},
	{"GroupsPerAccount", 300, "GroupsQuota"},
	{"GroupsPerUser", 10, "GroupsPerUserQuota"},
	{"InstanceProfilesPerAccount", 1000, "InstanceProfilesQuota"},
	{"InstanceSessionsPerInstanceProfile", 1, ""},
	{"MfaDevicesPerUser", 8, ""},
	{"OpenIdConnectProvidersPerAccount", 100, ""},
	{"PoliciesPerAccount", 1500, "PoliciesQuota"},
	{"PoliciesPerGroup", 10, "AttachedPoliciesPerGroupQuota"},
	{"PoliciesPerRole", 10, "AttachedPoliciesPerRoleQuota"},
	{"PoliciesPerUser", 10, "AttachedPoliciesPerUserQuota"},
	{"PolicySize", 6144, "PolicySizeQuota"},
	{"PolicyVersionsInUse", 10000, "PolicyVersionsInUseQuota"},
	{"RolePolicySize", 10240, "RolePolicySizeQuota"},
	{"RolesPerAccount", 1000, "RolesQuota"},
	{"SAMLProvidersPerAccount", 100, ""},
	{"SSHPublicKeysPerUser", 5, ""},
	{"ServerCertificates", 20, "ServerCertificatesQuota"},
	{"ServiceSpecificCredentialsPerUser", 2, ""},
	{"SigningCertificatesPerUser", 2, "SigningCertificatesPerUserQuota"},
	{"TagsPerResource", 50, ""},
	{"UserPolicySize", 2048, "UserPolicySizeQuota"},
	{"UsersPerAccount", 5000, "UsersQuota"},
	{"VersionsPerPolicy", 5, "VersionsPerPolicyQuota"},
}

// Quotas returns the quotas of IAM in the order of their names. The slice is shared: it must not be changed.
func Quotas() []Quota { return quotas }

// QuotaNamed returns the quota of that name.
func QuotaNamed(name string) (Quota, bool) {
	for _, q := range quotas {
		if q.Name == name {
			return q, true
		}
	}
	return Quota{}, false
}
