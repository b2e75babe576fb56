package middleware

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
)

var (
	// ErrUnauthorized means no API key, or none that is valid. Missing, unknown, expired and revoked look alike.
	ErrUnauthorized = errors.New("a valid API key is required: Authorization: Bearer sk_test_…")
	// ErrTwoAuthorizations means that which one counts would be a guess.
	ErrTwoAuthorizations = errors.New("the Authorization header was sent more than once; send one")
)

// Identity is who a request acts for.
type Identity struct {
	Merchant uuid.UUID
	Account  string // the merchant as clients and logs know it
	KeyID    string // names the API key in logs and in the rate limiter; never the secret
	Scopes   Scopes // nil: none
}

// APIKeys knows API keys. Authenticate returns ErrUnauthorized for any that is not valid now, and compares secrets in
// constant time. It calls mayAsk before it asks a store, and returns the error of that, if there is one.
type APIKeys interface {
	Authenticate(ctx context.Context, token string, mayAsk func() error) (Identity, error)
}

// Strangers limits requests without a valid key by their address, inside the process.
type Strangers interface {
	Admit(limiter string) idempotency.Admission
	Peek(limiter string) idempotency.Admission
}

// Authenticate lets requests through that carry a valid API key, on every arrival: a replay needs one, too.
func Authenticate(keys APIKeys, strangers Strangers, fail Fail) gin.HandlerFunc {
	return func(c *gin.Context) {
		identity, err := authenticate(c, keys, func() error { return limited(strangers.Peek(addressOf(c))) })
		if err == nil {
			state := stateOf(c)
			state.identity, state.line.KeyID, state.line.Merchant = identity, identity.KeyID, identity.Account
			return
		}
		if errors.Is(err, ErrUnauthorized) || errors.Is(err, ErrTwoAuthorizations) {
			err = cmp.Or(limited(strangers.Admit(addressOf(c))), err)
		}
		fail(c, err)
	}
}

// addressOf names a stranger in the limiter.
func addressOf(c *gin.Context) string { return "address:" + c.ClientIP() }

func limited(admission idempotency.Admission) error {
	if admission.Allowed {
		return nil
	}
	return &idempotency.LimitedError{Admission: admission}
}

func authenticate(c *gin.Context, keys APIKeys, mayAsk func() error) (Identity, error) {
	values := c.Request.Header.Values("Authorization")
	if len(values) > 1 {
		return Identity{}, ErrTwoAuthorizations
	}
	if len(values) == 0 {
		return Identity{}, ErrUnauthorized
	}
	token, ok := BearerToken(values[0])
	if !ok {
		return Identity{}, ErrUnauthorized
	}
	return keys.Authenticate(c.Request.Context(), token, mayAsk)
}

// BearerToken is the token of an Authorization header; false where the header has another scheme (RFC 6750, section 2.1).
func BearerToken(header string) (token string, ok bool) {
	scheme, token, ok := strings.Cut(header, " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") { // RFC 9110, 11.1: schemes are case-insensitive
		return "", false
	}
	return strings.TrimLeft(token, " "), true
}

// IdentityOf is who the request acts for.
func IdentityOf(c *gin.Context) Identity { return stateOf(c).identity }
