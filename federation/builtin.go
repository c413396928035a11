package federation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"gatehouse/awserr"
)

// BuiltIn returns the provider that every account has under that name, which trust policies use as the federated
// principal: accounts.google.com and cognito-identity.amazonaws.com. name may also be the iss of a token.
func BuiltIn(name string) (Provider, bool) {
	name = ProviderName(name)
	switch name {
	case "accounts.google.com", "cognito-identity.amazonaws.com":
		p := Provider{URL: "https://" + name, AnyAudience: true}
		if name == "accounts.google.com" {
			// Google issues tokens with either form:
			// https://developers.google.com/identity/openid-connect/openid-connect#validatinganidtoken
			p.Aliases = []string{name}
		}
		return p, true
	}
	return Provider{}, false
}

const maxAccessTokenAnswer = 64 << 10

// VerifyAccessToken returns the identity behind an OAuth 2.0 access token of the built-in provider providerID, which is
// graph.facebook.com or www.amazon.com. Such a token says nothing by itself: the provider's API is asked, and without
// it the answer is IDPCommunicationError.
func (o *OIDC) VerifyAccessToken(ctx context.Context, token, providerID string, now time.Time) (*WebIdentity, error) {
	if len(token) < 4 || len(token) > maxToken {
		return nil, awserr.InvalidIdentityToken.Errorf("The access token provided is not valid.")
	}
	switch providerID {
	case "graph.facebook.com":
		return o.facebook(ctx, token, now)
	case "www.amazon.com":
		return o.amazon(ctx, token, now)
	}
	return nil, awserr.InvalidParameterValue.Errorf("%s is not a supported ProviderId", providerID)
}

// facebook asks for the application and the user: https://developers.facebook.com/docs/facebook-login/guides/access-tokens/debugging
func (o *OIDC) facebook(ctx context.Context, token string, now time.Time) (*WebIdentity, error) {
	const host = "graph.facebook.com"
	var app, user struct {
		ID string `json:"id"`
	}
	if err := o.ask(ctx, host, "https://"+host+"/app?fields=id&access_token="+url.QueryEscape(token), &app); err != nil {
		return nil, err
	}
	if err := o.ask(ctx, host, "https://"+host+"/me?fields=id&access_token="+url.QueryEscape(token), &user); err != nil {
		return nil, err
	}
	if app.ID == "" || user.ID == "" {
		return nil, rejected(host, errors.New("no id in the answer"))
	}
	return &WebIdentity{
		Issuer: host, Provider: host, Subject: user.ID, Audience: app.ID, Expires: now.Add(time.Hour),
		Keys: map[string][]string{host + ":app_id": {app.ID}, host + ":id": {user.ID}},
	}, nil
}

// amazon asks whose token it is: https://developer.amazon.com/docs/login-with-amazon/validate-access-token.html
func (o *OIDC) amazon(ctx context.Context, token string, now time.Time) (*WebIdentity, error) {
	const name, host = "www.amazon.com", "api.amazon.com"
	var info struct {
		Issuer  string `json:"iss"`
		UserID  string `json:"user_id"`
		AppID   string `json:"app_id"`
		Seconds int64  `json:"exp"` // how long the token is still good for
	}
	if err := o.ask(ctx, name, "https://"+host+"/auth/o2/tokeninfo?access_token="+url.QueryEscape(token), &info); err != nil {
		return nil, err
	}
	if strings.TrimSuffix(info.Issuer, "/") != "https://"+name || info.UserID == "" || info.AppID == "" || info.Seconds <= 0 {
		return nil, rejected(name, errors.New("not a Login with Amazon token"))
	}
	return &WebIdentity{
		Issuer: name, Provider: name, Subject: info.UserID, Audience: info.AppID,
		Expires: now.Add(time.Duration(min(info.Seconds, 1<<30)) * time.Second),
		Keys:    map[string][]string{name + ":app_id": {info.AppID}, name + ":user_id": {info.UserID}},
	}, nil
}

// ask gets a small JSON document from a provider's API. provider is the name it has in errors.
func (o *OIDC) ask(ctx context.Context, provider, address string, v any) error {
	u, err := permitted(address)
	if err != nil {
		return fmt.Errorf("address of %s: %w", provider, errScheme) // not err: it would hold the token
	}
	ctx, cancel := context.WithTimeout(ctx, o.timeout())
	defer cancel()
	body, err := get(ctx, o.client(u, nil), address, maxAccessTokenAnswer)
	var status statusError
	switch {
	case err == nil:
	case errors.As(err, &status) && strings.HasPrefix(status.status, "4"):
		return awserr.IDPRejectedClaim.Errorf("%[1]s: %[1]s %[2]s", provider, status.Error())
	case errors.As(err, &status):
		return awserr.IDPCommunicationError.Errorf("%[1]s: %[1]s %[2]s", provider, status.Error())
	default:
		return because(awserr.IDPCommunicationError.Errorf("%[1]s: %[1]s could not be reached", provider), err)
	}
	if err := json.Unmarshal(body, v); err != nil {
		return rejected(provider, err)
	}
	return nil
}

func rejected(provider string, cause error) error {
	return because(awserr.IDPRejectedClaim.Errorf("%[1]s: %[1]s rejected the token", provider), cause)
}
