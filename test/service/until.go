package service

import (
	"testing"
	"time"
)

// untilLimit is far above what anything here may take, so that only what never happens fails.
const untilLimit = 30 * time.Second

// Until asks again and again until ok, and fails the test when that takes too long.
func Until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	Within(t, untilLimit, what, ok)
}

// Within is Until with a limit of its own. It returns how long it took.
func Within(t testing.TB, limit time.Duration, what string, ok func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Since(began) > limit {
			t.Fatalf("waited %s in vain until %s", limit, what)
		}
		<-tick.C
	}
	return time.Since(began)
}
