package catalog

// Quota is a limit of IAM that holds for an account.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
type Quota struct {
	// Name is what the sentence of LimitExceeded calls it: Cannot exceed quota for UsersPerAccount: 5000.
	Name string
	// Default holds unless it was adjusted. Sizes of documents are in characters without white space.
	Default int
	// Maximum is what AWS raises it to when asked through Service Quotas, 0 when it does not.
	Maximum int
	// Summary is the key under which GetAccountSummary shows it, or empty.
	Summary string
}

var quotas = []Quota{
	{"ACLSizePerRole", 2048, 4096, "AssumeRolePolicySizeQuota"},
	{"AccessKeysPerUser", 2, 0, "AccessKeysPerUserQuota"},
	{"CertificatesPerUser", 2, 0, "SigningCertificatesPerUserQuota"},
	{"ClientIdsPerOpenIdConnectProvider", 100, 0, ""},
	{"GroupPolicySize", 5120, 0, "GroupPolicySizeQuota"},
	{"GroupsPerAccount", 300, 500, "GroupsQuota"},
	{"GroupsPerUser", 10, 0, "GroupsPerUserQuota"},
	{"InstanceProfilesPerAccount", 1000, 5000, "InstanceProfilesQuota"},
	{"InstanceSessionsPerInstanceProfile", 1, 0, ""},
	{"MFADevicesPerUser", 8, 0, ""},
	{"OpenIdConnectProvidersPerAccount", 100, 700, ""},
	{"PoliciesPerAccount", 1500, 5000, "PoliciesQuota"},
	{"PoliciesPerGroup", 10, 10, "AttachedPoliciesPerGroupQuota"},
	{"PoliciesPerRole", 10, 25, "AttachedPoliciesPerRoleQuota"},
	{"PoliciesPerUser", 10, 20, "AttachedPoliciesPerUserQuota"},
	{"PolicySize", 6144, 0, "PolicySizeQuota"},
	{"PolicyVersionsInUse", 10000, 0, "PolicyVersionsInUseQuota"},
	{"PrivateKeysPerSAMLProvider", 2, 0, ""},
	{"RolePolicySize", 10240, 0, "RolePolicySizeQuota"},
	{"RolesPerAccount", 1000, 5000, "RolesQuota"},
	{"SAMLProvidersPerAccount", 100, 0, ""},
	{"SSHPublicKeysPerUser", 5, 0, ""},
	{"ServerCertificatesPerAccount", 20, 1000, "ServerCertificatesQuota"},
	{"ServiceSpecificCredentialsPerUser", 2, 0, ""},
	{"TagsPerResource", 50, 0, ""},
	{"UserPolicySize", 2048, 0, "UserPolicySizeQuota"},
	{"UsersPerAccount", 5000, 0, "UsersQuota"},
	{"VersionsPerPolicy", 5, 0, "VersionsPerPolicyQuota"},
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
