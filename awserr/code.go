package awserr

// Codes common to the Query services.
var (
	AccessDenied               = Code{"AccessDenied", 403}
	ExpiredToken               = Code{"ExpiredToken", 403}
	IncompleteSignature        = Code{"IncompleteSignature", 400}
	InternalFailure            = Code{"InternalFailure", 500}
	InvalidAction              = Code{"InvalidAction", 400}
	InvalidClientTokenID       = Code{"InvalidClientTokenId", 403}
	InvalidParameterCombo      = Code{"InvalidParameterCombination", 400}
	InvalidParameterValue      = Code{"InvalidParameterValue", 400}
	MalformedInput             = Code{"MalformedInput", 400}
	MalformedQueryString       = Code{"MalformedQueryString", 404}
	MissingAction              = Code{"MissingAction", 400}
	MissingAuthenticationToken = Code{"MissingAuthenticationToken", 403}
	MissingParameter           = Code{"MissingParameter", 400}
	RequestEntityTooLarge      = Code{"RequestEntityTooLarge", 413}
	ServiceUnavailable         = Code{"ServiceUnavailable", 503}
	SignatureDoesNotMatch      = Code{"SignatureDoesNotMatch", 403}
	Throttling                 = Code{"Throttling", 400}
	ValidationError            = Code{"ValidationError", 400}
)

// Codes of the IAM service model.
var (
	NameConflict                                 = Code{"NameConflict", 409}
	RoleModified                                 = Code{"RoleModified", 409}
	RoleTemplateDisabled                         = Code{"RoleTemplateDisabled", 400}
	AccountNotManagementOrDelegatedAdministrator = Code{"AccountNotManagementOrDelegatedAdministratorException", 400}
	CallerIsNotManagementAccount                 = Code{"CallerIsNotManagementAccountException", 400}
	ConcurrentModification                       = Code{"ConcurrentModification", 409}
	CredentialReportExpired                      = Code{"ReportExpired", 410}
	CredentialReportNotPresent                   = Code{"ReportNotPresent", 410}
	CredentialReportNotReady                     = Code{"ReportInProgress", 404}
	DeleteConflict                               = Code{"DeleteConflict", 409}
	DuplicateCertificate                         = Code{"DuplicateCertificate", 409}
	DuplicateSSHPublicKey                        = Code{"DuplicateSSHPublicKey", 400}
	EntityAlreadyExists                          = Code{"EntityAlreadyExists", 409}
	EntityTemporarilyUnmodifiable                = Code{"EntityTemporarilyUnmodifiable", 409}
	FeatureDisabled                              = Code{"FeatureDisabled", 404}
	FeatureEnabled                               = Code{"FeatureEnabled", 409}
	InvalidAuthenticationCode                    = Code{"InvalidAuthenticationCode", 403}
	InvalidCertificate                           = Code{"InvalidCertificate", 400}
	InvalidInput                                 = Code{"InvalidInput", 400}
	InvalidPublicKey                             = Code{"InvalidPublicKey", 400}
	InvalidUserType                              = Code{"InvalidUserType", 400}
	KeyPairMismatch                              = Code{"KeyPairMismatch", 400}
	LimitExceeded                                = Code{"LimitExceeded", 409}
	MalformedCertificate                         = Code{"MalformedCertificate", 400}
	MalformedPolicyDocument                      = Code{"MalformedPolicyDocument", 400}
	NoSuchEntity                                 = Code{"NoSuchEntity", 404}
	NotSupportedService                          = Code{"NotSupportedService", 404}
	OpenIDIdpCommunicationError                  = Code{"OpenIdIdpCommunicationError", 400}
	OrganizationNotFound                         = Code{"OrganizationNotFoundException", 400}
	OrganizationNotInAllFeaturesMode             = Code{"OrganizationNotInAllFeaturesModeException", 400}
	PasswordPolicyViolation                      = Code{"PasswordPolicyViolation", 400}
	PolicyEvaluation                             = Code{"PolicyEvaluation", 500}
	PolicyNotAttachable                          = Code{"PolicyNotAttachable", 400}
	ReportGenerationLimitExceeded                = Code{"ReportGenerationLimitExceeded", 409}
	ServiceAccessNotEnabled                      = Code{"ServiceAccessNotEnabledException", 400}
	ServiceFailure                               = Code{"ServiceFailure", 500}
	UnmodifiableEntity                           = Code{"UnmodifiableEntity", 400}
	UnrecognizedPublicKeyEncoding                = Code{"UnrecognizedPublicKeyEncoding", 400}
)

// Codes of the STS service model.
var (
	ExpiredTokenException                 = Code{"ExpiredTokenException", 400}
	ExpiredTradeInToken                   = Code{"ExpiredTradeInTokenException", 400}
	IDPCommunicationError                 = Code{"IDPCommunicationError", 400}
	IDPRejectedClaim                      = Code{"IDPRejectedClaim", 403}
	InvalidAuthorizationMessage           = Code{"InvalidAuthorizationMessageException", 400}
	InvalidIdentityToken                  = Code{"InvalidIdentityToken", 400}
	JWTPayloadSizeExceeded                = Code{"JWTPayloadSizeExceededException", 400}
	OutboundWebIdentityFederationDisabled = Code{"OutboundWebIdentityFederationDisabledException", 403}
	PackedPolicyTooLarge                  = Code{"PackedPolicyTooLarge", 400}
	RegionDisabled                        = Code{"RegionDisabledException", 403}
	SessionDurationEscalation             = Code{"SessionDurationEscalationException", 403}
)
