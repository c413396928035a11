package awserr

import "testing"

// TestCodes holds the codes on the wire and their statuses against those of the service models.
func TestCodes(t *testing.T) {
	t.Parallel()
	for status, codes := range map[int][]Code{
		400: {
			DuplicateSSHPublicKey, InvalidCertificate, InvalidInput, InvalidPublicKey, InvalidUserType, KeyPairMismatch, MalformedCertificate,
			MalformedPolicyDocument, OpenIDIdpCommunicationError, PasswordPolicyViolation, PolicyNotAttachable, UnmodifiableEntity,
			UnrecognizedPublicKeyEncoding, ExpiredTokenException, ExpiredTradeInToken, IDPCommunicationError, InvalidAuthorizationMessage,
			InvalidIdentityToken, JWTPayloadSizeExceeded, PackedPolicyTooLarge, ValidationError, InvalidParameterValue,
		},
		403: {
			AccessDenied, InvalidAuthenticationCode, IDPRejectedClaim, RegionDisabled, SessionDurationEscalation, OutboundWebIdentityFederationDisabled,
			InvalidClientTokenID, MissingAuthenticationToken, SignatureDoesNotMatch,
		},
		404: {CredentialReportNotReady, FeatureDisabled, NoSuchEntity, NotSupportedService},
		409: {
			ConcurrentModification, DeleteConflict, DuplicateCertificate, EntityAlreadyExists, EntityTemporarilyUnmodifiable, FeatureEnabled,
			LimitExceeded, ReportGenerationLimitExceeded,
		},
		410: {CredentialReportExpired, CredentialReportNotPresent},
		500: {PolicyEvaluation, ServiceFailure},
	} {
		for _, c := range codes {
			if c.Status != status {
				t.Errorf("%s: got %d, want %d", c.Name, c.Status, status)
			}
		}
	}
	// What the models spell otherwise than the SDK does.
	for want, c := range map[string]Code{
		"ReportExpired": CredentialReportExpired, "ReportNotPresent": CredentialReportNotPresent, "ReportInProgress": CredentialReportNotReady,
		"ExpiredTokenException": ExpiredTokenException, "InvalidAuthorizationMessageException": InvalidAuthorizationMessage,
		"JWTPayloadSizeExceededException": JWTPayloadSizeExceeded, "ExpiredTradeInTokenException": ExpiredTradeInToken,
		"RegionDisabledException": RegionDisabled, "SessionDurationEscalationException": SessionDurationEscalation,
		"OutboundWebIdentityFederationDisabledException": OutboundWebIdentityFederationDisabled,
	} {
		if c.Name != want {
			t.Errorf("got %s, want %s", c.Name, want)
		}
	}
}
