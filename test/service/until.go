package service

import (
	"testing"
	"time"
)

// untilLimit is far above what anything here may take, so that only what never happens fails.
const untilLimit = time.Minute

// longestPause is between two questions: many tests wait at once.
const longestPause = 100 * time.Millisecond

// Until asks again and again until ok, and fails the test when that takes too long. It returns how long it took.
func Until(t testing.TB, what string, ok func() bool) time.Duration {
	t.Helper()
	return Within(t, untilLimit, what, ok)
}

// Within is Until with a limit of its own.
func Within(t testing.TB, limit time.Duration, what string, ok func() bool) time.Duration {
	t.Helper()
	began, pause := time.Now(), 2*time.Millisecond
	for !ok() {
		if time.Since(began) > limit {
			t.Fatalf("waited %s in vain until %s", limit, what)
		}
		<-time.After(pause)
		pause = min(2*pause, longestPause)
	}
	return time.Since(began)
}
