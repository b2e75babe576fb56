package provider

import (
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/sony/gobreaker/v2"
)

// errNoClearAnswer is what the breaker counts; callers never see it.
var errNoClearAnswer = errors.New("no clear answer")

// newBreaker is for the calls that move money. Look-ups do not pass through it: recovery has its own pace, and its
// probes are how payments that are already open get resolved while new ones are refused.
func newBreaker(cfg Config) *gobreaker.TwoStepCircuitBreaker[any] {
	limit := uint32(10)
	if cfg.BreakerFailures > 0 {
		limit = uint32(min(cfg.BreakerFailures, 1_000_000))
	}
	pause := cfg.BreakerPause
	if pause == 0 {
		pause = 2 * time.Second
	}
	return gobreaker.NewTwoStepCircuitBreaker[any](gobreaker.Settings{
		Name:        "provider",
		MaxRequests: 1, // half-open lets one call through
		Timeout:     pause,
		ReadyToTrip: func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= limit },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			cfg.Log.Warn("payment provider's circuit breaker changed",
				slog.String("from", from.String()), slog.String("to", to.String()))
		},
	})
}

// breakerError reports whether the provider is able to serve, which is not the same as whether the payment went well: a
// decline is a healthy answer, and so is a 409 or a 400 with a code, whose outcome is nevertheless unknown.
func breakerError(outcome Outcome, status int, code string) error {
	switch outcome {
	case NotSent:
		return errNoClearAnswer
	case Unknown:
		refused := status == http.StatusBadRequest && code != "" // what can't be canceled any more, say
		if alive := refused || status == http.StatusConflict; !alive {
			return errNoClearAnswer
		}
	}
	return nil
}
