package notifications

import (
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"
)

// Schedule is when a delivery is attempted again, and for how long an endpoint may fail.
type Schedule struct {
	Pauses       []time.Duration // after the first failed attempt, the second, ...; after the last pause's attempt it is exhausted
	DisableAfter time.Duration   // an endpoint that has failed for so long, without a delivery in between, is disabled
}

// Standard are seven attempts within 18 hours: at once, and then after 5 s, 5 min, 30 min, 2 h, 5 h and 10 h.
func Standard() Schedule {
	return Schedule{
		Pauses:       []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour},
		DisableAfter: 5 * 24 * time.Hour,
	}
}

// maxRetryAfter bounds what a receiver may ask for.
const maxRetryAfter = 24 * time.Hour

// next is the pause after so many failed attempts, this one included; false when there are no more. It is jittered by a tenth upwards, so
// that what failed together doesn't come back together. A receiver that asks for a longer pause gets it.
func (s Schedule) next(failed int, asked time.Duration) (time.Duration, bool) {
	if failed > len(s.Pauses) {
		return 0, false
	}
	pause := s.Pauses[failed-1]
	pause += rand.N(pause/10 + 1) //nolint:gosec // no secret
	return max(pause, asked), true
}

// retryAfter reads the header's two forms (RFC 9110, section 10.2.3); zero for anything else.
func retryAfter(text string, now time.Time) time.Duration {
	if n, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(n)*time.Second, maxRetryAfter)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	return 0
}
