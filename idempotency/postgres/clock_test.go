package postgres

import (
	"testing"
	"time"
)

func TestClockGoesByTheCloserLook(t *testing.T) {
	t.Parallel()
	at, ms := time.Now(), time.Millisecond
	look := func(after, store, off time.Duration) *clock {
		return &clock{store: at.Add(after + store), at: at.Add(after), off: off}
	}
	for name, c := range map[string]struct {
		old, seen *clock
		takes     bool
	}{
		"the first":            {nil, look(0, 0, 50*ms), true},
		"a closer one":         {look(0, 0, 5*ms), look(250*ms, 0, ms), true},
		"one that is as close": {look(0, 0, ms), look(250*ms, 0, ms), true},
		"a slower one":         {look(0, 0, ms), look(250*ms, 3*ms, 5*ms), false},
		"a slower one, when the old one has aged":      {look(0, 0, ms), look(10*time.Second, 3*ms, 5*ms), true},
		"a slower one, when the store's clock was set": {look(0, 0, ms), look(250*ms, -time.Hour, 5*ms), true},
	} {
		got := c.old.better(c.seen)
		if (got == c.seen) != c.takes {
			t.Errorf("%s: taken %t, want %t", name, got == c.seen, c.takes)
		}
	}
	if got := time.Until((*clock)(nil).now()); got.Abs() > time.Minute {
		t.Errorf("without a look: got a time %s away, want this machine's", got)
	}
	if got := time.Until(look(0, time.Hour, 0).now()); (got - time.Hour).Abs() > time.Minute {
		t.Errorf("got %s ahead, want an hour", got)
	}
}
