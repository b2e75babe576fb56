package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

// Reads and readiness, too, report a Postgres that hangs as unavailable, so that no client waits for it without end.
func TestAPostgresThatHangsEndsInARefusalAlsoForReads(t *testing.T) {
	t.Parallel()
	pg := stores.PrivatePostgres(t)
	s := open(t, service.Options{DatabaseURL: pg.URL(), Env: service.ShortLeases()})
	order := s.CreateOrder()
	thaw := service.FreezeWithChildren(t, pg.Pid())
	for _, path := range []string{"/v1/orders/" + order, "/readyz"} {
		resp := s.Get(path)
		for try := 0; try < 2 && resp.Took > 6*time.Second; try++ { // a busy machine may have a bad moment, but not three
			resp = s.Get(path)
		}
		if resp.Status != http.StatusServiceUnavailable || resp.Took > 6*time.Second {
			t.Errorf("%s: got %s, want 503 within 6s", path, resp)
		}
	}
	thaw()
	service.Until(t, "it serves again", func() bool { return s.Get("/v1/orders/"+order).Status == http.StatusOK })
	s.check()
}
