package e2e

import (
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

// Reads and readiness, too, report a Postgres that hangs as unavailable, so that no client waits for it without end.
func TestAPostgresThatHangsEndsInARefusalAlsoForReads(t *testing.T) {
	t.Parallel()
	pg := stores.PrivatePostgres(t)
	s := open(t, service.Options{DatabaseURL: pg.URL(), Env: hasty()})
	order := s.CreateOrder()
	// The parent comes first: stopped, it starts no more of them.
	processes := append([]int{pg.Pid()}, service.Children(t, pg.Pid())...)
	signal := func(sig syscall.Signal) {
		for _, pid := range processes {
			_ = syscall.Kill(pid, sig) // a backend may have ended
		}
	}
	defer signal(syscall.SIGCONT)
	signal(syscall.SIGSTOP)
	for _, path := range []string{"/v1/orders/" + order, "/readyz"} {
		resp := s.Get(path)
		if resp.Status != http.StatusServiceUnavailable || resp.Took > 6*time.Second {
			t.Errorf("%s: got %s, want 503 within 6s", path, resp)
		}
	}
	signal(syscall.SIGCONT)
	service.Until(t, "it serves again", func() bool { return s.Get("/v1/orders/"+order).Status == http.StatusOK })
	s.check()
}
