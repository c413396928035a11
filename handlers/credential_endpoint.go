package handlers

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"gatehouse/auth"
	"gatehouse/awserr"
	"gatehouse/federation"
	"gatehouse/lazy"
	"gatehouse/policy"
	"gatehouse/store"
)

// CredentialEndpoints are where the SDKs' credential chains find credentials of a role. Each is off without its role.
type CredentialEndpoints struct {
	// ContainerRole is the ARN of the role of an ECS task, ContainerToken what a client must present.
	ContainerRole, ContainerToken string
	// PodRole is the ARN of the role of EKS Pod Identity. A client presents PodToken, or a token of the development
	// issuer for a service account and the audience pods.eks.amazonaws.com.
	PodRole, PodToken string
	// InstanceRole is the ARN of the role, or instance profile, of an EC2 instance.
	InstanceRole string
	// InstanceV1 lets the instance's metadata be read without a token.
	InstanceV1 bool
	// Lifetime is how long credentials live; 0: six hours, as EC2's and ECS's do.
	Lifetime time.Duration
}

const (
	containerPath = "/_gatehouse/credentials/ecs"
	podPath       = "/_gatehouse/credentials/pod"
	// agentPath is where the agent of EKS Pod Identity answers.
	agentPath   = "/v1/credentials"
	podAudience = "pods.eks.amazonaws.com"

	defaultEndpointLifetime = 6 * time.Hour
	// maxEndpointSessions bounds how many service accounts' credentials are remembered.
	maxEndpointSessions = 1000
)

// endpointSessions are the credentials that endpoints are handing out.
type endpointSessions struct {
	mu   sync.Mutex
	list map[string]*store.Session
}

func (s *Server) endpointLifetime() time.Duration {
	if s.endpoints.Lifetime > 0 {
		return s.endpoints.Lifetime
	}
	return defaultEndpointLifetime
}

// endpointSession returns the credentials of a role for an endpoint. They are the same until they are to be refreshed:
// well before they expire, so that a client which asks when its own are about to has new ones.
func (s *Server) endpointSession(ctx context.Context, f unsignedSession) (*store.Session, error) {
	f.lifetime = s.endpointLifetime()
	refresh := min(max(f.lifetime/4, 15*time.Minute), f.lifetime*3/4)
	key := f.roleARN + "\x00" + f.name + "\x00" + strings.Join(f.sessionKeys["ec2:RoleDelivery"], "")
	e := &s.endpointSessions
	e.mu.Lock()
	defer e.mu.Unlock()
	if session := e.list[key]; session != nil && session.Expires.Time().Sub(s.clock.Now()) > refresh {
		good, err := s.stillGood(ctx, f.roleARN, session)
		if err != nil {
			return nil, err
		}
		if good {
			return session, nil
		}
	}
	session, err := s.mint(ctx, f)
	if err != nil {
		return nil, err
	}
	if len(e.list) >= maxEndpointSessions {
		clear(e.list)
	}
	if e.list == nil {
		e.list = make(map[string]*store.Session)
	}
	e.list[key] = session
	return session, nil
}

// stillGood reports whether a session is there, which may have been revoked, and is of the role that has its ARN now: that of
// a role which was deleted and made anew may do nothing.
func (s *Server) stillGood(ctx context.Context, role string, session *store.Session) (good bool, err error) {
	c := s.unsigned(role)
	err = s.db.View(ctx, func(tx *store.Tx) error {
		c.tx = tx
		r, err := c.roleNamed(ctx, role)
		if err != nil {
			return err
		}
		_, err = tx.Credential(ctx, session.AccessKeyID)
		good = err == nil && r.ID == session.IssuerID
		return err
	})
	if store.IsNotFound(err) {
		err = nil
	}
	return good, err
}

// unsigned is a call that nobody has signed, for a role or an instance profile.
func (s *Server) unsigned(arn string) *STS {
	return &STS{&call{Server: s, now: s.clock.Now(), region: s.region, partition: partitionOf(arn, auth.Partition(s.region)), mode: s.auth.Mode()}}
}

// mint mints a session that no client asks STS for, and notes it as an event.
func (s *Server) mint(ctx context.Context, f unsignedSession) (*store.Session, error) {
	c := s.unsigned(f.roleARN)
	c.requestID = s.ids.Next()
	session, _, err := c.assume(ctx, f, nil)
	c.recordService(f, err)
	return session, err
}

// service is an AWS service that assumes a role.
func service(name string) policy.Principal { return policy.Principal{Type: policy.Service, ARN: name} }

// routeCredentials serves the endpoints that are switched on.
func (s *Server) routeCredentials() {
	if s.endpoints.ContainerRole != "" {
		s.echo.GET(containerPath, s.containerCredentials)
	}
	if s.endpoints.PodRole != "" {
		s.echo.GET(podPath, s.podCredentials)
		s.echo.GET(agentPath, s.podCredentials)
	}
}

// RoleCredentials are a role's credentials as endpoints write them.
type RoleCredentials struct {
	RoleARN         string `json:"RoleArn,omitempty"`
	AccountID       string `json:"AccountId,omitempty"`
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string `json:"SecretAccessKey"`
	Token           string `json:"Token"`
	Expiration      string `json:"Expiration"`
}

func roleCredentials(c *store.Session) RoleCredentials {
	return RoleCredentials{
		AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, Token: c.SessionToken,
		Expiration: c.Expires.Time().Format(time.RFC3339),
	}
}

// containerCredentials answers as the credential endpoint of an ECS task.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
func (s *Server) containerCredentials(e echo.Context) error {
	if !presented(e.Request(), s.endpoints.ContainerToken) {
		return s.refuse(e, http.StatusUnauthorized, "AuthorizationFailed", "The authorization token is missing or wrong.")
	}
	session, err := s.endpointSession(e.Request().Context(), unsignedSession{
		action: "sts:AssumeRole", principal: service("ecs-tasks.amazonaws.com"), roleARN: s.endpoints.ContainerRole,
		name: pseudoID(s.endpoints.ContainerRole, 32),
	})
	if err != nil {
		return s.noCredentials(e, s.endpoints.ContainerRole, err)
	}
	c := roleCredentials(session)
	c.RoleARN = s.endpoints.ContainerRole
	return e.JSON(http.StatusOK, c)
}

// presented reports whether a request carries the token of an endpoint.
func presented(r *http.Request, token string) bool {
	given := r.Header.Get("Authorization")
	return token != "" && subtle.ConstantTimeCompare([]byte(given), []byte(token)) == 1
}

// podCredentials answers as the agent of EKS Pod Identity, https://github.com/aws/eks-pod-identity-agent: what is wrong as
// text, with the status of the EKS Auth API for what that would have found. The session of a service account's pod has the
// tags that EKS gives it: https://docs.aws.amazon.com/eks/latest/userguide/pod-id-abac.html
func (s *Server) podCredentials(e echo.Context) error {
	ctx := e.Request().Context()
	account, err := splitRoleARN(s.endpoints.PodRole)
	if err != nil {
		return s.noPodCredentials(e, err)
	}
	f := unsignedSession{action: "sts:AssumeRole", principal: service(podAudience), roleARN: s.endpoints.PodRole}
	if presented(e.Request(), s.endpoints.PodToken) {
		f.name = "eks-gatehouse-pod-" + pseudoID(f.roleARN, 32)
	} else if err := s.describePod(ctx, &f, account, e.Request().Header.Get("Authorization")); err != nil {
		s.log.InfoContext(ctx, "pod identity refused", "error", err)
		return s.podRefusal(e, err)
	}
	session, err := s.endpointSession(ctx, f)
	if err != nil {
		return s.noPodCredentials(e, err)
	}
	c := roleCredentials(session)
	c.AccountID = account
	return e.JSON(http.StatusOK, c)
}

// podRefusal says what is wrong with a service account's token. The agent looks whether there is one, whether it is a
// token and whether it has expired; the service does the rest.
func (s *Server) podRefusal(e echo.Context, err error) error {
	token := e.Request().Header.Get("Authorization")
	_, parsed := federation.Issuer(token)
	switch {
	case awserr.From(err) == nil:
		return s.noPodCredentials(e, err)
	case token == "":
		return e.String(http.StatusBadRequest, "Service account token cannot be empty\n")
	case parsed != nil:
		return e.String(http.StatusBadRequest, "Service account token cannot be parsed\n")
	case awserr.ExpiredTokenException.Is(err):
		return e.String(http.StatusBadRequest, "Service account token failed basic claim validations: token has invalid claims: token is expired\n")
	}
	return s.podError(e, "InvalidTokenException", "The token included in the request is invalid.")
}

// noPodCredentials says why a pod with a good token gets none.
func (s *Server) noPodCredentials(e echo.Context, err error) error {
	if awserr.From(err) != nil {
		return s.podError(e, "AccessDeniedException", "Unauthorized Exception! EKS does not have permissions to assume the associated role.")
	}
	s.log.ErrorContext(e.Request().Context(), "no credentials", "role", s.endpoints.PodRole, "error", err)
	return e.String(http.StatusInternalServerError, "The credentials could not be issued.\n")
}

// podError is an error of the EKS Auth API as the agent hands it on.
func (s *Server) podError(e echo.Context, code, message string) error {
	return e.String(http.StatusBadRequest, "["+s.ids.Next()+"]: ("+code+"): "+message+", fault: client\n")
}

// describePod verifies a service account's token and fills in what the session says of the pod.
func (s *Server) describePod(ctx context.Context, f *unsignedSession, account, token string) error {
	jwks, err := s.issuerKeys(ctx, keyID(token))
	if err != nil {
		return err
	}
	if jwks == nil {
		return awserr.InvalidIdentityToken.Errorf("The token is not the development issuer's.")
	}
	p := federation.Provider{URL: s.issuerURL(), ClientIDs: []string{podAudience}, JWKS: jwks}
	id, err := s.oidc.Verify(ctx, token, p, s.clock.Now())
	if err != nil {
		return err
	}
	k, _ := id.Claims["kubernetes.io"].(map[string]any)
	text := func(object any, name string) string {
		m, _ := object.(map[string]any)
		v, _ := m[name].(string)
		return v
	}
	namespace, name := text(k, "namespace"), text(k["serviceaccount"], "name")
	if namespace == "" || name == "" || id.Subject != "system:serviceaccount:"+namespace+":"+name {
		return awserr.InvalidIdentityToken.Errorf("The token is not a service account's.")
	}
	pod, uid := text(k["pod"], "name"), text(k["pod"], "uid")
	cluster := "arn:" + partitionOf(f.roleARN, auth.Partition(s.region)) + ":eks:" + s.region + ":" + account + ":cluster/gatehouse"
	for _, t := range []federation.Tag{
		{Key: "eks-cluster-arn", Value: cluster}, {Key: "eks-cluster-name", Value: "gatehouse"},
		{Key: "kubernetes-namespace", Value: namespace}, {Key: "kubernetes-service-account", Value: name},
		{Key: "kubernetes-pod-name", Value: pod}, {Key: "kubernetes-pod-uid", Value: uid},
	} {
		if t.Value != "" {
			f.tags = append(f.tags, t)
			f.transitive = append(f.transitive, t.Key)
		}
	}
	f.keys = map[string][]string{"aws:SourceAccount": {account}, "aws:SourceArn": {cluster}}
	if pod == "" {
		pod = name
	}
	// 64 characters are the most: the end tells pods of long names apart.
	end := pseudoID(f.roleARN+"\x00"+id.Subject+"\x00"+pod+"\x00"+uid, 32)
	f.name = fmt.Sprintf("eks-gatehouse-%.17s-%s", sessionNameOf(pod), end)
	return nil
}

// sessionNameOf is a Kubernetes name in the characters of a session name.
func sessionNameOf(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '.' {
			return r
		}
		return '-'
	}, name)
}

// pseudoID is n hex digits that are always the same for the same thing: the id of a task or an instance that there is
// not.
func pseudoID(of string, n int) string {
	sum := sha256.Sum256([]byte(of))
	return hex.EncodeToString(sum[:])[:n]
}

// noCredentials says why there are none.
func (s *Server) noCredentials(e echo.Context, role string, err error) error {
	if a := awserr.From(err); a != nil {
		return s.refuse(e, http.StatusForbidden, a.Name, "The role "+role+" can't be assumed: it does not exist, or its trust policy does not name the service.")
	}
	s.log.ErrorContext(e.Request().Context(), "no credentials", "role", role, "error", err)
	return s.refuse(e, http.StatusInternalServerError, "InternalServerError", "The credentials could not be issued.")
}

func (s *Server) refuse(e echo.Context, status int, code, message string) error {
	return e.JSON(status, map[string]string{"code": code, "message": message})
}

// CredentialsRequest is what the person who runs the server wants: credentials of a role, whomever it trusts.
type CredentialsRequest struct {
	RoleARN string
	// SessionName is gatehouse when empty.
	SessionName string
	Duration    time.Duration // 0: an hour
}

// ProcessCredentials are what the setting credential_process of the AWS CLI and the SDKs expects on standard output.
// https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
type ProcessCredentials struct {
	Version         int
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      string
	AccountID       string `json:"AccountId"`
}

var sessionName = lazy.Regexp(`^[\w+=,.@-]{2,64}$`)

// Credentials mints credentials of a role.
func (s *Server) Credentials(ctx context.Context, r CredentialsRequest) (ProcessCredentials, error) {
	account, err := splitRoleARN(r.RoleARN)
	if err != nil {
		return ProcessCredentials{}, awserr.ValidationError.Errorf("%q is not the ARN of a role.", r.RoleARN)
	}
	if r.SessionName == "" {
		r.SessionName = "gatehouse"
	}
	if !sessionName().MatchString(r.SessionName) {
		return ProcessCredentials{}, awserr.ValidationError.Errorf("%q is not a session name: 2 to 64 letters, digits and _+=,.@- are needed.", r.SessionName)
	}
	f := unsignedSession{action: "sts:AssumeRole", roleARN: r.RoleARN, name: r.SessionName}
	if r.Duration != 0 {
		least := minSession
		if s.shortSessions {
			least = time.Second
		}
		if r.Duration < least || r.Duration > 12*time.Hour {
			return ProcessCredentials{}, awserr.ValidationError.Errorf("The duration is from %s to 12h.", least)
		}
		seconds := int32(r.Duration / time.Second)
		f.duration = &seconds
	}
	session, err := s.mint(ctx, f)
	if awserr.AccessDenied.Is(err) {
		return ProcessCredentials{}, awserr.NoSuchEntity.Errorf("There is no role %s.", r.RoleARN)
	}
	if err != nil {
		return ProcessCredentials{}, err
	}
	return ProcessCredentials{
		Version: 1, AccessKeyID: session.AccessKeyID, SecretAccessKey: session.SecretAccessKey, SessionToken: session.SessionToken,
		Expiration: session.Expires.Time().Format(time.RFC3339), AccountID: account,
	}, nil
}

// NewEndpointToken returns a token for an endpoint whose owner gave none.
func NewEndpointToken() string { return rand.Text() }
