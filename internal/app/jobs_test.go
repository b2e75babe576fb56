package app

import (
	"testing"
	"time"
)

func TestDueChecksAreLookedForOftenButNotWithoutPause(t *testing.T) {
	t.Parallel()
	for recovery, want := range map[time.Duration]time.Duration{
		2 * time.Second: 250 * time.Millisecond, 5 * time.Minute: 37500 * time.Millisecond,
		400 * time.Millisecond: 100 * time.Millisecond, 100 * time.Millisecond: 100 * time.Millisecond, 10 * time.Millisecond: 10 * time.Millisecond,
	} {
		if got := checkInterval(recovery); got != want {
			t.Errorf("RECOVERY_INTERVAL %s: got %s, want %s", recovery, got, want)
		}
	}
}
