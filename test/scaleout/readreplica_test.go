package scaleout

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/test/service"
)

// listsOf counts the statements in a server's log since an offset, and fails the test for one that is none of a list.
func (s *server) listsOf(from int64) (n int) {
	s.t.Helper()
	for _, l := range s.statements(from) {
		switch {
		case strings.Contains(l.text, "ORDER BY created_at DESC, id DESC LIMIT"):
			n++
		case strings.HasPrefix(l.text, "SELECT system_identifier"), strings.HasPrefix(l.text, "-- ping"), // whether it may be read
			strings.HasPrefix(l.text, "SHOW transaction_read_only"), strings.HasPrefix(l.text, "SELECT count(*) FROM pg_stat"):
		default:
			s.t.Errorf("the read replica was asked: %s", l.text)
		}
	}
	return n
}

// lists asks each replica for each list, and returns how many orders the first one has.
func (s *shop) lists() (orders int) {
	s.t.Helper()
	for i := range s.replicas {
		for _, path := range []string{"/v1/orders?limit=100", "/v1/payments", "/v1/refunds"} {
			resp := s.clients[0][i].Get(path)
			if resp.Err != nil || resp.Status != http.StatusOK {
				s.t.Fatalf("GET %s: %s", path, resp)
			}
			if strings.HasPrefix(path, "/v1/orders") {
				var page struct{ Data []struct{ ID string } }
				resp.JSON(s.t, &page)
				orders = len(page.Data)
			}
		}
	}
	return orders
}

// Only lists are read at the replica: no key, no payment by its id, and nothing that is written. One that is away or far behind is
// not read, and nothing else changes.
func TestReadReplicaServesListsOnly(t *testing.T) {
	t.Parallel()
	program(t, "pg_basebackup", "postgresql-client")
	primary := startPrimary(t, nil)
	reads := primary.startStandby("reads", map[string]string{"log_statement": "all", "log_line_prefix": "<%c> "})
	from := reads.logged()
	s := open(t, 1, service.Options{DatabaseURL: primary.URL(), Env: map[string]string{"DATABASE_READ_URL": reads.URL()}}, primary.URL(), nil)
	s.underLoad(nil)
	s.everything(0)
	service.Until(t, "lists come from the read replica", func() bool { s.lists(); return reads.listsOf(from) > 0 })

	followed := reads.exec("SHOW primary_conninfo")
	reads.exec("ALTER SYSTEM SET primary_conninfo = ''") // it falls behind
	reads.exec("SELECT pg_reload_conf()")
	service.Until(t, "the replica follows no more", func() bool { return reads.exec("SELECT count(*) FROM pg_stat_wal_receiver") == "0" })
	before := s.number("SELECT count(*) FROM orders")
	made := s.must(s.send(0, 0, request{"/v1/orders", s.key(), service.OrderBody})).Field("id")
	s.must(s.clients[0][0].Get("/v1/orders/" + made)) // by its id it is there at once
	began := time.Now()
	service.Until(t, "the new order is in the list", func() bool {
		return strings.Contains(string(s.must(s.clients[0][0].Get("/v1/orders")).Body), made)
	})
	t.Logf("with a replica that stopped following, a new order was in the list after %s", time.Since(began).Round(100*time.Millisecond))
	if now := s.number("SELECT count(*) FROM orders"); now != before+1 {
		t.Errorf("%d orders, want %d", now, before+1)
	}
	reads.exec("ALTER SYSTEM SET primary_conninfo = '" + strings.ReplaceAll(followed, "'", "''") + "'")
	reads.exec("SELECT pg_reload_conf()")
	s.caughtUp(primary, reads)

	if err := reads.Kill(); err != nil { // it is away
		t.Error(err)
	}
	s.lists()
	s.underLoad(nil)
	s.lists()
	s.verdict()
}
