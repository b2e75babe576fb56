package middleware

import (
	"fmt"
	"strings"

	"github.com/gin-gonic/gin"
)

// Scopes is what an API key may do.
type Scopes interface {
	// Allow reports whether the key may do what needs the scope.
	Allow(scope string) bool
}

// ScopeError says that an API key is valid and may not do what was asked.
type ScopeError struct {
	Missing string // the first scope that the key lacks
}

func (e *ScopeError) Error() string {
	return fmt.Sprintf("this API key lacks the scope %q", e.Missing)
}

// RequireScope lets requests through whose API key has every scope of a list that is separated by spaces, as in RFC 6749, section 3.3.
// It stands behind [Authenticate], and before anything looks at the Idempotency-Key: a replay needs the scope, too.
func RequireScope(needed string, fail Fail) gin.HandlerFunc {
	list := strings.Fields(needed)
	return func(c *gin.Context) {
		scopes := IdentityOf(c).Scopes
		for _, scope := range list {
			if scopes == nil || !scopes.Allow(scope) {
				fail(c, &ScopeError{Missing: scope})
				return
			}
		}
	}
}
