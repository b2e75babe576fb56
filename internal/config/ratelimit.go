package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// RateLimit allows Requests in each Per, with at most Burst at once. Off allows everything.
type RateLimit struct {
	Requests int
	Per      time.Duration // a second or a minute
	Burst    int           // at least 1
	Off      bool
}

const (
	maxRate          = 1_000_000
	rateLimitAllowed = "N/s or N/m, N from 1 to 1000000, with or without ,burst=M (default twice N), or off"
)

// ParseRateLimit reads "100/s", "100/m", "100/s,burst=200" and "off".
func ParseRateLimit(text string) (RateLimit, error) {
	if text == "off" {
		return RateLimit{Off: true}, nil
	}
	rate, burst, hasBurst := strings.Cut(text, ",")
	number, unit, _ := strings.Cut(rate, "/")
	per, known := map[string]time.Duration{"s": time.Second, "m": time.Minute}[unit]
	requests, err := strconv.Atoi(number)
	if err != nil || !known || requests < 1 || requests > maxRate {
		return RateLimit{}, fmt.Errorf("rate %q: %w", rate, errNotAllowed)
	}
	limit := RateLimit{Requests: requests, Per: per, Burst: 2 * requests}
	if !hasBurst {
		return limit, nil
	}
	number, found := strings.CutPrefix(strings.TrimSpace(burst), "burst=")
	limit.Burst, err = strconv.Atoi(number)
	if err != nil || !found || limit.Burst < 1 || limit.Burst > 2*maxRate {
		return RateLimit{}, fmt.Errorf("burst %q: %w", burst, errNotAllowed)
	}
	return limit, nil
}

// String writes the form that [ParseRateLimit] reads.
func (l RateLimit) String() string {
	if l.Off {
		return "off"
	}
	unit := "s"
	if l.Per == time.Minute {
		unit = "m"
	}
	return fmt.Sprintf("%d/%s,burst=%d", l.Requests, unit, l.Burst)
}

// MarshalText writes it like [RateLimit.String].
func (l RateLimit) MarshalText() ([]byte, error) { return []byte(l.String()), nil }
