package middleware_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/test/service"
)

// protects returns the middleware of an engine for one tenant, and a function that sends a request with a key to handlers.
func protects(t *testing.T, store idempotency.Store[*postgres.Tx], resumer idempotency.Resumer[*postgres.Tx], opt idempotency.Options) (
	*middleware.Idempotency[*postgres.Tx], func(key, prefer string, handlers ...gin.HandlerFunc) string,
) {
	t.Helper()
	once := middleware.NewIdempotency(idempotency.New(store, resumer, opt), middleware.Config{
		Tenant: func(*gin.Context) idempotency.Tenant { return idempotency.Tenant{1} }, Log: slog.New(slog.DiscardHandler),
	})
	return once, func(key, prefer string, handlers ...gin.HandlerFunc) string {
		router := gin.New()
		router.Use(gin.CustomRecoveryWithWriter(nil, func(c *gin.Context, _ any) { c.AbortWithStatus(http.StatusInternalServerError) }))
		router.POST("/x", handlers...)
		request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/x", nil)
		request.Header.Set("Idempotency-Key", key)
		if prefer != "" {
			request.Header.Set("Prefer", prefer)
		}
		answer := httptest.NewRecorder()
		router.ServeHTTP(answer, request)
		return fmt.Sprint(answer.Code, " ", answer.Body)
	}
}

func rowsOf(t *testing.T, s testStore, query string) (n int64) {
	t.Helper()
	if err := s.db.GORM().Raw(query).Scan(&n).Error; err != nil {
		t.Fatal(err)
	}
	return n
}

func makeTable(t *testing.T, s testStore) {
	t.Helper()
	if err := s.db.GORM().Exec("CREATE TABLE made (n int)").Error; err != nil {
		t.Fatal(err)
	}
}

// secondGate does something before the second attempt of a request.
type secondGate struct {
	idempotency.AssumeNew

	attempts int
	second   func()
}

func (g *secondGate) LookupAndMark(ctx context.Context, req idempotency.Request) idempotency.LookupResult {
	if g.attempts++; g.attempts == 2 {
		g.second()
	}
	return g.AssumeNew.LookupAndMark(ctx, req)
}

// Its handler ran while another request held the key, and what it wrote was rolled back. When that one ends without an
// outcome, the handler can't run again, and an empty transaction must not be committed with its response.
func TestPlainHandlerOfAWaiterIsNotStoredWithoutItsWrites(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	makeTable(t, s)
	gate := &secondGate{}
	once, send := protects(t, s.store, nil, idempotency.Options{FastPath: gate})
	key, err := idempotency.ParseKey([]string{"k"})
	if err != nil {
		t.Fatal(err)
	}
	other, found, err := s.store.Begin(t.Context(), idempotency.Request{Tenant: idempotency.Tenant{1}, KeyHash: key.Hash()}, nil)
	if err != nil || !found.Mine {
		t.Fatal(found, err)
	}
	var calls atomic.Int64
	gate.second = func() { s.store.Rollback(other) }
	answer := send("k", "wait=5", once.ProtectTx(), func(c *gin.Context) {
		calls.Add(1)
		middleware.Tx[*postgres.Tx](c).Insert("make", "INSERT INTO made VALUES (1)")
		c.String(http.StatusCreated, "made")
	})
	made, records := rowsOf(t, s, "SELECT count(*) FROM made"), rowsOf(t, s, "SELECT count(*) FROM idempotency_keys")
	if calls.Load() != 1 || made != 0 || records != 0 || answer[:3] != "503" {
		t.Errorf("got %s after %d calls, %d rows and %d records, want 503, one call and nothing stored", answer, calls.Load(), made, records)
	}
}

type chargeOperation struct{}

func (chargeOperation) Name() string                   { return "authorize" }
func (chargeOperation) Resource() idempotency.Resource { return idempotency.Resource{} }
func (chargeOperation) Ready() error                   { return nil }
func (chargeOperation) Reads(*postgres.Tx)             {}
func (chargeOperation) Prepare(context.Context, *postgres.Tx, idempotency.Claim) error {
	return nil
}
func (chargeOperation) Call(context.Context) idempotency.Answer { panic("the process dies") } //nolint:forbidigo // on purpose
func (chargeOperation) LookUp(context.Context) idempotency.Answer {
	return idempotency.Answer{Known: true}
}
func (chargeOperation) Undo(*postgres.Tx) {}
func (chargeOperation) Complete(context.Context, *postgres.Tx, idempotency.Answer) (*idempotency.Response, error) {
	return &idempotency.Response{Status: http.StatusCreated, Body: []byte("the charge")}, nil
}

type chargeResumer struct{}

func (chargeResumer) Resume(context.Context, *idempotency.Record) (idempotency.Resumption[*postgres.Tx], error) {
	return chargeOperation{}, nil
}

// The route was an external operation in the release before, whose record is taken over now.
func TestPlainHandlerThatRanInVainIsAnsweredByTheTakeover(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	once, send := protects(t, s.store, chargeResumer{}, idempotency.Options{FastPath: idempotency.AssumeNew{}})
	send("k", "", once.Do(func(*gin.Context, idempotency.Request) (idempotency.Work[*postgres.Tx], error) {
		return idempotency.Work[*postgres.Tx]{External: chargeOperation{}}, nil
	}))
	if err := s.db.GORM().Exec("UPDATE idempotency_keys SET lease_until = now() - interval '1 second'").Error; err != nil {
		t.Fatal(err)
	}
	for _, copies := range []string{"the takeover", "its replay"} {
		got := send("k", "", once.ProtectTx(), func(c *gin.Context) { c.String(http.StatusCreated, "rolled back") })
		if want := "201 the charge"; got != want {
			t.Errorf("%s: got %q, want %q", copies, got, want)
		}
	}
}

func TestStatementsOfAGoroutineEndWithTheTransaction(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	makeTable(t, s)
	once, send := protects(t, s.store, nil, idempotency.Options{})
	for i := range 40 {
		status := []int{http.StatusBadRequest, http.StatusCreated}[i%2]
		var left sync.WaitGroup
		var written atomic.Int64
		send(fmt.Sprint("k", i), "", once.Protect(), func(c *gin.Context) {
			tx, err := middleware.Tx[*postgres.Tx](c).DB(t.Context())
			if err != nil {
				t.Error(err)
				return
			}
			for range 4 {
				left.Go(func() {
					for tx.Exec("INSERT INTO made VALUES (1)").Error == nil {
						written.Add(1)
					}
				})
			}
			service.Until(t, "the goroutines write", func() bool { return written.Load() > 20 })
			c.Status(status)
		})
		left.Wait()
	}
	if n := rowsOf(t, s, "SELECT count(*) FROM made WHERE xmin::text NOT IN (SELECT xmin::text FROM idempotency_keys)"); n != 0 {
		t.Errorf("got %d rows that were committed outside of a request's transaction, want none", n)
	}
}

func TestRowsThatAHandlerForgetsToCloseFreeTheirConnection(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	db, err := postgres.Open(s.url, postgres.Options{MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	once, send := protects(t, postgres.NewStore(db, s.watch, postgres.StoreOptions{}), nil, idempotency.Options{})
	for i := range 2 {
		send(fmt.Sprint("forgetful", i), "", once.Protect(), func(c *gin.Context) {
			tx, err := middleware.Tx[*postgres.Tx](c).DB(c) // a gin.Context never ends
			if err != nil {
				t.Error(err)
				return
			}
			rows, err := tx.Raw("SELECT generate_series(1, 3)").Rows()
			if err != nil || !rows.Next() {
				t.Error("no rows", err)
			}
			c.Status(http.StatusUnprocessableEntity)
		})
	}
	service.Until(t, "the connections are free", func() bool {
		fresh, _ := db.Stats()
		return fresh.InUse == 0
	})
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}
