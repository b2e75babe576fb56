package stores

import (
	"context"
	"testing"

	"github.com/payonce/payonce/internal/embedded"
)

// Redis returns the URL of a fresh Redis that only this test uses, inside this
// process. What needs a real one takes [StartRealRedis].
func Redis(t testing.TB) string {
	t.Helper()
	r, err := embedded.StartRedis(t.Context(), embedded.RedisConfig{ForceInProcess: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Stop(context.Background()); err != nil {
			t.Errorf("stop the test's Redis: %v", err)
		}
	})
	return r.URL()
}
