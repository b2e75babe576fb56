package sleep_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/payonce/payonce/internal/sleep"
)

func TestForPausesUntilTheTimeIsOverOrTheContextEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		pause, ends, took time.Duration // the context ends after ends; zero: never
		want              bool
	}{
		"the time is over":      {pause: time.Minute, took: time.Minute, want: true},
		"the context ends":      {pause: time.Minute, ends: time.Second, took: time.Second},
		"the context has ended": {pause: time.Minute, ends: -time.Second},
		"no time":               {want: true},
		"less than no time":     {pause: -time.Minute, want: true},
		"no time, and an end":   {ends: -time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if c.ends != 0 {
					limited, cancel := context.WithTimeout(ctx, c.ends)
					defer cancel()
					ctx = limited
				}
				began := time.Now()
				if got := sleep.For(ctx, c.pause); got != c.want || time.Since(began) != c.took {
					t.Errorf("For(%s) = %t after %s; want %t after %s", c.pause, got, time.Since(began), c.want, c.took)
				}
			})
		})
	}
}
