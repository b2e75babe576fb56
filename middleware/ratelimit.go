package middleware

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/idempotency"
)

// Limiter counts requests: Allow against the rate that all replicas share, Admit and Peek inside the process.
type Limiter interface {
	Allow(ctx context.Context, limiter string) idempotency.Admission
	Admit(limiter string) idempotency.Admission
	Peek(limiter string) idempotency.Admission
}

// RateLimit limits each API key. A request that changes something is counted by the engine, in the round trip that it
// makes anyway; what is refused before it gets there counts against the limiter inside the process.
func RateLimit(limiter Limiter, fail Fail) gin.HandlerFunc {
	return func(c *gin.Context) {
		id := IdentityOf(c).KeyID
		if c.Request.Method == http.MethodGet || c.Request.Method == http.MethodHead {
			admit(c, limiter.Allow(c.Request.Context(), id), fail)
			return
		}
		if !admit(c, limiter.Peek(id), fail) {
			return
		}
		c.Next()
		if !stateOf(c).counted {
			limiter.Admit(id)
		}
	}
}

func admit(c *gin.Context, admission idempotency.Admission, fail Fail) bool {
	setRateLimit(c, admission)
	if !admission.Allowed {
		fail(c, &idempotency.LimitedError{Admission: admission})
	}
	return admission.Allowed
}

// setRateLimit writes the fields of draft-ietf-httpapi-ratelimit-headers-10: the quota of a window in seconds, and what
// is left until the quota is whole again. What is left is never more than the quota.
func setRateLimit(c *gin.Context, a idempotency.Admission) {
	if !a.Limited {
		return
	}
	c.Header("RateLimit-Policy", fmt.Sprintf(`"api-key";q=%d;w=%d`, a.Limit, ceilSeconds(a.Window)))
	c.Header("RateLimit", fmt.Sprintf(`"api-key";r=%d;t=%d`, a.Remaining, ceilSeconds(a.Reset)))
}

func ceilSeconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
