// Package federation verifies what identities from elsewhere bring along: OpenID Connect tokens, SAML assertions and
// one-time codes. It also issues tokens of its own.
//
// It is given plain values, the time included, and knows neither store nor SDK. What it fetches, it fetches through a
// given [net/http.Client], bounded in time, size and redirects. Nothing is read from a document before the signature
// over it has been verified, except by [Issuer], whose answer only serves to find the provider to verify with.
//
// An error that a client may read is or wraps an [gatehouse/awserr.Error] with AWS's sentence; what it wraps beside
// that is the precise reason, for the log.
package federation
