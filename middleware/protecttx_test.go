package middleware_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/test/proxy"
	"github.com/payonce/payonce/test/stores"
)

// counted is a service whose every word to Postgres is counted, with a gate that takes every key for new.
type counted struct {
	*testing.T
	postgres *proxy.Postgres
	direct   *postgres.Database
	router   *gin.Engine
	calls    int
}

func newCounted(t *testing.T) *counted {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	s := newStore(t) // its watch asks past the proxy
	if err := s.db.GORM().Exec("CREATE TABLE made (n int)").Error; err != nil {
		t.Fatal(err)
	}
	c := &counted{T: t, direct: s.db, router: gin.New()}
	var err error
	if c.postgres, err = proxy.NewPostgres(context.Background(), s.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.postgres.Close)
	db, err := postgres.Open(c.postgres.URL(), postgres.Options{MaxConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	engine := idempotency.New(postgres.NewStore(db, s.watch, postgres.StoreOptions{}), nil, idempotency.Options{FastPath: idempotency.AssumeNew{}})
	once := middleware.NewIdempotency(engine, middleware.Config{
		Tenant: func(*gin.Context) idempotency.Tenant { return idempotency.Tenant{1} }, Log: slog.New(slog.DiscardHandler),
	})
	c.router.POST("/protect", once.Protect(), c.insert)
	c.router.POST("/tx", once.ProtectTx(), c.insert)
	c.router.POST("/tx/reads", once.ProtectTx(), c.readAndInsert)
	c.router.POST("/tx/refuses", once.ProtectTx(), func(g *gin.Context) {
		c.calls++
		middleware.Tx[*postgres.Tx](g).Insert("make", "INSERT INTO made VALUES (1)")
		g.Status(http.StatusConflict)
	})
	return c
}

func (c *counted) insert(g *gin.Context) {
	c.calls++
	middleware.Tx[*postgres.Tx](g).Insert("make", "INSERT INTO made VALUES (1)")
	g.String(http.StatusCreated, "made %d", c.calls)
}

func (c *counted) readAndInsert(g *gin.Context) {
	c.calls++
	tx, err := middleware.Tx[*postgres.Tx](g).DB(g.Request.Context())
	if err == nil {
		err = tx.Exec("INSERT INTO made SELECT count(*) FROM made").Error
	}
	if err != nil {
		g.String(http.StatusInternalServerError, "%v", err)
		return
	}
	g.String(http.StatusCreated, "made %d", c.calls)
}

func (c *counted) post(path, key string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, path, strings.NewReader("{}"))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", key)
	w := httptest.NewRecorder()
	c.router.ServeHTTP(w, r)
	return w
}

func (c *counted) rows() (n int) {
	c.Helper()
	if err := c.direct.GORM().Raw("SELECT count(*) FROM made").Scan(&n).Error; err != nil {
		c.Fatal(err)
	}
	return n
}

// The first request of a plain handler costs two round trips to Postgres, and one where its only effect is its transaction.
func TestProtectTxTakesOneRoundTrip(t *testing.T) {
	t.Parallel()
	c := newCounted(t)
	for path, want := range map[string]int64{"/protect": 2, "/tx": 1, "/tx/reads": 3} {
		for i := range 3 { // statements are prepared once per connection
			c.post(path, fmt.Sprint(path, "-warm-", i))
		}
		const times = 20
		before := c.postgres.Trips()
		for i := range times {
			if w := c.post(path, fmt.Sprint(path, "-", i)); w.Code != http.StatusCreated || w.Header().Get("Idempotent-Replayed") != "" {
				t.Fatalf("%s: %d %s", path, w.Code, w.Body)
			}
		}
		if trips := c.postgres.Trips() - before; trips != want*times {
			t.Errorf("%s: %d round trips for %d first requests, want %d for each", path, trips, times, want)
		}
	}
}

// A key that turns out to be taken when the handler has run: nothing of that run stays, and the copy gets the record's answer.
func TestProtectTxGivesACopyTheStoredAnswer(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/tx", "/tx/reads"} {
		c := newCounted(t)
		first := c.post(path, "k")
		for copies := range 3 {
			w := c.post(path, "k")
			if w.Code != first.Code || w.Body.String() != first.Body.String() || w.Header().Get("Idempotent-Replayed") != "true" {
				t.Errorf("%s: copy %d: %d %s, want %d %s replayed", path, copies, w.Code, w.Body, first.Code, first.Body)
			}
		}
		if c.calls != 2 || c.rows() != 1 { // the wrong guess is remembered: later copies are looked up first
			t.Errorf("%s: ran %d times and left %d rows, want 2 and 1", path, c.calls, c.rows())
		}
	}
}

// Two replicas that know nothing of each other get 20 copies each, all at once: one effect, and one answer for all.
func TestProtectTxMakesOneEffectOfCopiesAtTwoReplicas(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	if err := s.db.GORM().Exec("CREATE TABLE made (n int)").Error; err != nil {
		t.Fatal(err)
	}
	routers := make([]*gin.Engine, 2)
	for i := range routers {
		engine := idempotency.New(s.store, nil, idempotency.Options{FastPath: idempotency.AssumeNew{}})
		once := middleware.NewIdempotency(engine, middleware.Config{
			Tenant: func(*gin.Context) idempotency.Tenant { return idempotency.Tenant{1} }, Log: slog.New(slog.DiscardHandler),
		})
		c := &counted{T: t, router: gin.New()}
		c.router.POST("/tx", once.ProtectTx(), func(g *gin.Context) {
			middleware.Tx[*postgres.Tx](g).Insert("make", "INSERT INTO made VALUES (1)")
			g.String(http.StatusCreated, "made at %d", i)
		})
		c.router.POST("/tx/reads", once.ProtectTx(), func(g *gin.Context) {
			tx, err := middleware.Tx[*postgres.Tx](g).DB(g.Request.Context())
			if err == nil {
				err = tx.Exec("INSERT INTO made VALUES (2)").Error
			}
			if err != nil {
				g.Status(http.StatusInternalServerError)
				return
			}
			g.String(http.StatusCreated, "made at %d", i)
		})
		routers[i] = c.router
	}
	for _, path := range []string{"/tx", "/tx/reads"} {
		var group sync.WaitGroup
		var mu sync.Mutex
		answers := map[string]int{}
		for copies := range 40 {
			group.Go(func() {
				w := (&counted{router: routers[copies%2]}).post(path, path)
				mu.Lock()
				defer mu.Unlock()
				switch w.Code {
				case http.StatusCreated:
					answers[w.Body.String()]++
				case http.StatusConflict: // still running
				default:
					t.Errorf("%s: got %d %s", path, w.Code, w.Body)
				}
			})
		}
		group.Wait()
		var rows int
		if err := s.db.GORM().Raw("SELECT count(*) FROM made WHERE n = ?", map[string]int{"/tx": 1, "/tx/reads": 2}[path]).Scan(&rows).Error; err != nil {
			t.Fatal(err)
		}
		if rows != 1 || len(answers) != 1 {
			t.Errorf("%s: %d rows and the answers %v, want one of each", path, rows, answers)
		}
	}
}

func TestProtectTxKeepsNothingOfARefusal(t *testing.T) {
	t.Parallel()
	c := newCounted(t)
	for range 2 {
		if w := c.post("/tx/refuses", "k"); w.Code != http.StatusConflict || w.Header().Get("Idempotent-Replayed") != "" {
			t.Errorf("got %d, want the handler's 409", w.Code)
		}
	}
	if c.calls != 2 || c.rows() != 0 {
		t.Errorf("ran %d times and left %d rows, want 2 and 0", c.calls, c.rows())
	}
	if c.post("/tx", "used"); c.post("/tx/refuses", "used").Code != http.StatusUnprocessableEntity {
		t.Error("a key of another request was not refused as reused")
	}
}

// BenchmarkPlainHandler shows what the round trips come to: a first request each, with a gate that takes the key for new.
func BenchmarkPlainHandler(b *testing.B) {
	gin.SetMode(gin.ReleaseMode)
	db, err := postgres.Open(stores.Database(b), postgres.Options{})
	if err != nil {
		b.Fatal(err)
	}
	watch := postgres.NewPrimaryMonitor(postgres.ReadPrimary(db.SQL()), 0, slog.New(slog.DiscardHandler))
	if err := watch.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { watch.Close(); _ = db.Close() })
	if err := db.GORM().Exec("CREATE TABLE made (n int)").Error; err != nil {
		b.Fatal(err)
	}
	once := middleware.NewIdempotency(idempotency.New(postgres.NewStore(db, watch, postgres.StoreOptions{}), nil,
		idempotency.Options{FastPath: idempotency.AssumeNew{}}), middleware.Config{Tenant: func(*gin.Context) idempotency.Tenant { return idempotency.Tenant{1} }})
	router := gin.New()
	router.POST("/plain", func(c *gin.Context) {
		if err := db.GORM().Exec("INSERT INTO made VALUES (1)").Error; err != nil {
			b.Error(err)
		}
		c.Status(http.StatusCreated)
	})
	insert := func(c *gin.Context) {
		middleware.Tx[*postgres.Tx](c).Insert("make", "INSERT INTO made VALUES (1)")
		c.Status(http.StatusCreated)
	}
	router.POST("/protect", once.Protect(), insert)
	router.POST("/tx", once.ProtectTx(), insert)
	n := 0
	for _, path := range []string{"/plain", "/protect", "/tx"} {
		b.Run(path[1:], func(b *testing.B) {
			for b.Loop() {
				n++
				r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, path, strings.NewReader("{}"))
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Idempotency-Key", fmt.Sprint(n))
				w := httptest.NewRecorder()
				if router.ServeHTTP(w, r); w.Code != http.StatusCreated {
					b.Fatal(w.Code, w.Body)
				}
			}
		})
	}
}
