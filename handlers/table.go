package handlers

import "slices"

// operations is the table of everything that is served. Each file that has operations has its rows at the top.
func operations() []operation {
	return slices.Concat(
		stsOperations(),
		federationOperations(),
		outboundOperations(),
		assumeRootOperations(),
		delegatedAccessOperations(),
		userOperations(),
		groupOperations(),
		inlinePolicyOperations(),
		attachmentOperations(),
		loginProfileOperations(),
		passwordPolicyOperations(),
		accountOperations(),
		accessKeyOperations(),
		roleOperations(),
		policyOperations(),
		instanceProfileOperations(),
		serviceLinkedRoleOperations(),
		authorizationDetailsOperations(),
		serverCertificateOperations(),
		signingCertificateOperations(),
		sshPublicKeyOperations(),
		serviceSpecificCredentialOperations(),
		mfaDeviceOperations(),
		oidcProviderOperations(),
		samlProviderOperations(),
		simulateOperations(),
		authorizationMessageOperations(),
		credentialReportOperations(),
		serviceAccessOperations(),
		organizationOperations(),
		organizationReportOperations(),
		accountPropertyOperations(),
		roleTemplateOperations(),
		delegationRequestOperations(),
	)
}
