package middleware_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/test/stores"
	"github.com/payonce/payonce/test/wait"
)

// shop is a service with one protected plain handler, and a table that the handler writes to.
type shop struct {
	t      *testing.T
	router *gin.Engine
	db     *postgres.Database
	calls  atomic.Int64
}

// testStore is a store on a database of its own.
type testStore struct {
	url   string
	watch *postgres.PrimaryMonitor
	db    *postgres.Database
	store *postgres.Store
}

func newStore(t *testing.T) testStore {
	t.Helper()
	url := stores.Database(t)
	db, err := postgres.Open(url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	watch := postgres.NewPrimaryMonitor(postgres.ReadPrimary(db.SQL()), 0, slog.New(slog.DiscardHandler))
	if err := watch.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { watch.Close(); _ = db.Close() })
	return testStore{url, watch, db, postgres.NewStore(db, watch, postgres.StoreOptions{})}
}

func newShop(t *testing.T, handle func(c *gin.Context, call int64)) *shop {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	stored := newStore(t)
	db := stored.db
	if err := db.GORM().Exec("CREATE TABLE made (call bigint)").Error; err != nil {
		t.Fatal(err)
	}
	engine := idempotency.New(stored.store, nil, idempotency.Options{})
	once := middleware.NewIdempotency(engine, middleware.Config{
		Tenant: func(*gin.Context) idempotency.Tenant { return idempotency.Tenant{1} }, MaxBody: 1000,
	})
	s := &shop{t: t, db: db, router: gin.New()}
	s.router.Use(middleware.Recover(middleware.DefaultFail))
	s.router.POST("/things", once.Protect(), func(c *gin.Context) {
		call := s.calls.Add(1)
		middleware.Tx[*postgres.Tx](c).Insert("make", "INSERT INTO made VALUES ($1)", call)
		handle(c, call)
	})
	return s
}

func (s *shop) post(key, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/things", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", key)
	w := httptest.NewRecorder()
	s.router.ServeHTTP(w, r)
	return w
}

// postFreed is post behind a request that kept nothing: its rollback may go on behind its answer, and the key is in flight until then.
func (s *shop) postFreed(key, body string) (w *httptest.ResponseRecorder) {
	s.t.Helper()
	wait.Within(s.t, 10*time.Second, "the key is free", func() bool {
		w = s.post(key, body)
		return !inFlight(w.Code, w.Header())
	})
	return w
}

// inFlight says whether the middleware refused a copy. A handler's own 409 is no problem document here.
func inFlight(status int, header http.Header) bool {
	return status == http.StatusConflict && header.Get("Content-Type") == "application/problem+json"
}

func (s *shop) made() (n int) {
	s.t.Helper()
	if err := s.db.GORM().Raw("SELECT count(*) FROM made").Scan(&n).Error; err != nil {
		s.t.Fatal(err)
	}
	return n
}

func TestAPlainHandlerRunsOnceAndIsReplayed(t *testing.T) {
	t.Parallel()
	s := newShop(t, func(c *gin.Context, call int64) {
		c.Header("Location", "/things/1")
		c.Header("Set-Cookie", "session=secret")
		c.Header("X-Custom", "1")
		// Bytes that no encoder would make again.
		c.Data(http.StatusCreated, "application/json", fmt.Appendf(nil, `{"z": 1, "call":%d, "a":"\u0041"}`, call))
	})
	first, again := s.post("k", "{}"), s.post("k", "{ }")
	for name, w := range map[string]*httptest.ResponseRecorder{"first": first, "again": again} {
		if w.Code != 201 || w.Body.String() != `{"z": 1, "call":1, "a":"\u0041"}` || w.Header().Get("Location") != "/things/1" {
			t.Errorf("%s: %d %s %v", name, w.Code, w.Body, w.Header())
		}
	}
	if first.Header().Get("Set-Cookie") == "" || first.Header().Get("X-Custom") != "1" {
		t.Errorf("the first answer lost headers: %v", first.Header())
	}
	if again.Header().Get("Set-Cookie") != "" || again.Header().Get("X-Custom") != "" {
		t.Errorf("a cookie or a header of the first answer alone was replayed: %v", again.Header())
	}
	if first.Header().Get("Idempotent-Replayed") != "" || again.Header().Get("Idempotent-Replayed") != "true" {
		t.Error("the replay is not marked")
	}
	if s.made() != 1 || s.calls.Load() != 1 {
		t.Errorf("made %d, called %d", s.made(), s.calls.Load())
	}
}

func TestFiftyCopiesOfAPlainRequestRunOnce(t *testing.T) {
	t.Parallel()
	s := newShop(t, func(c *gin.Context, call int64) { c.JSON(http.StatusOK, call) })
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if w := s.post("k", "{}"); w.Code != 200 && w.Code != 409 {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	group.Wait()
	if s.made() != 1 {
		t.Errorf("made %d", s.made())
	}
}

func TestAStatusThatIsNoOutcomeIsSentAndForgotten(t *testing.T) {
	t.Parallel()
	s := newShop(t, func(c *gin.Context, call int64) {
		if call == 1 {
			c.Header("X-Reason", "full")
			c.String(http.StatusConflict, "no room")
			return
		}
		c.Status(http.StatusNoContent)
	})
	if w := s.post("k", "{}"); w.Code != 409 || w.Body.String() != "no room" || w.Header().Get("X-Reason") != "full" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if s.made() != 0 {
		t.Error("what a refused request wrote stays")
	}
	if w := s.postFreed("k", "{}"); w.Code != 204 || w.Header().Get("Idempotent-Replayed") != "" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := s.post("k", "{}"); w.Code != 204 || w.Header().Get("Idempotent-Replayed") != "true" || s.made() != 1 {
		t.Errorf("%d %s, made %d", w.Code, w.Body, s.made())
	}
}

func TestAPanicInAPlainHandlerStoresNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t, func(c *gin.Context, call int64) {
		if call == 1 {
			c.String(http.StatusOK, "half a resp")
			panic("broken")
		}
		c.String(http.StatusOK, "whole")
	})
	if w := s.post("k", "{}"); w.Code != 500 || strings.Contains(w.Body.String(), "broken") || strings.Contains(w.Body.String(), "half") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if s.made() != 0 {
		t.Error("what a panicking handler wrote stays")
	}
	if w := s.postFreed("k", "{}"); w.Code != 200 || w.Body.String() != "whole" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestNothingOfAProtectedResponseLeavesBeforeTheCommit(t *testing.T) {
	t.Parallel()
	s := newShop(t, func(c *gin.Context, _ int64) {
		c.String(http.StatusOK, "early")
		c.Writer.Flush()
		if _, _, err := c.Writer.Hijack(); err == nil {
			t.Error("the connection was handed out")
		}
		// A write that Postgres refuses at the commit: the response that was written before is never sent.
		middleware.Tx[*postgres.Tx](c).Insert("break", "INSERT INTO made VALUES (1/0)")
	})
	if w := s.post("k", "{}"); w.Code < 500 || strings.Contains(w.Body.String(), "early") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestTheKeyAndTheBodyAreCheckedBeforeThePlainHandlerRuns(t *testing.T) {
	t.Parallel()
	s := newShop(t, func(c *gin.Context, _ int64) { c.Status(http.StatusOK) })
	s.post("k", `{"a":1}`)
	for body, want := range map[string]int{`{"a":2}`: 422, `{"a":1,"a":1}`: 400, `{`: 400, strings.Repeat("1", 1001): 413} {
		if w := s.post("k", body); w.Code != want {
			t.Errorf("%.20s: %d %s", body, w.Code, w.Body)
		}
	}
	if w := s.post("", "{}"); w.Code != 400 || s.calls.Load() != 1 {
		t.Errorf("%d, called %d", w.Code, s.calls.Load())
	}
}
