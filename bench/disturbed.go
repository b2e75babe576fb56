package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/payonce/payonce/internal/sleep"
)

// maxAgain is how often one turn may be measured again. A disturbance is short; what happens four times in a row is not one.
const maxAgain = 3

// disturbedError says that a turn measured something else than its variant: its requests were served by another level. The
// usual reason is a machine that had no time for Redis for a moment: five commands that time out together keep the service
// from asking Redis for a second, which is as long as a turn.
type disturbedError struct {
	wanted   string
	requests int
	events   string // what the server counted meanwhile
}

func (e *disturbedError) Error() string {
	return fmt.Sprintf("too few of %d requests were served as %q; the server counted %s", e.requests, e.wanted, e.events)
}

// undisturbed measures a turn, and measures it again when it was disturbed, a second later, or when no request was answered in it.
// It also returns the disturbances.
func undisturbed(ctx context.Context, o options, measure func(options) (turn, error)) (turn, []*disturbedError, error) {
	var disturbances []*disturbedError
	longest := 20 * o.slice
	for {
		t, err := measure(o)
		disturbed, ok := errors.AsType[*disturbedError](err)
		switch {
		case ok && len(disturbances) < maxAgain:
			disturbances = append(disturbances, disturbed)
			sleep.For(ctx, time.Second) // the service leaves Redis alone for as long
		case err != nil:
			return turn{}, disturbances, err
		case t.Requests() > 0:
			return t, disturbances, nil
		case o.slice >= longest:
			return turn{}, disturbances, errors.New("no request was answered")
		default: // the machine did something else
			o.slice *= 2
		}
	}
}

// since lists what was counted after an earlier reading: "postgres 2890, redis 455, Redis breaker_open 2890".
func (g gauges) since(before gauges) string {
	var list []string
	add := func(prefix string, now, then map[string]float64) {
		for _, label := range slices.Sorted(maps.Keys(now)) {
			if n := now[label] - then[label]; n > 0 {
				list = append(list, fmt.Sprintf("%s%s %.0f", prefix, label, n))
			}
		}
	}
	add("", g.outcomes, before.outcomes)
	add("Redis ", g.redis, before.redis)
	if list == nil {
		return "nothing"
	}
	return strings.Join(list, ", ")
}

// disturbances are the notes on turns that were measured again.
func disturbances(all []*figures) []string {
	var notes []string
	for _, f := range all {
		for _, d := range f.disturbed {
			notes = append(notes, fmt.Sprintf("%s: a turn was measured again: %v.", f.name, d))
		}
	}
	return notes
}
