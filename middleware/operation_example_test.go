package middleware_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/idempotency/postgres/schema"
	"github.com/payonce/payonce/middleware"
)

// roastery is a service elsewhere, which roasts once for each number and tells what became of one.
type roastery struct {
	mu      sync.Mutex
	roasted map[uuid.UUID]bool
	lost    bool // it roasts, and its answer doesn't arrive
}

func (r *roastery) Roast(_ context.Context, number uuid.UUID) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.roasted[number] = true
	if r.lost {
		return errors.New("no answer")
	}
	return nil
}

func (r *roastery) Roasted(_ context.Context, number uuid.UUID) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.roasted[number], nil
}

// roast is an effect outside the database: claimed in one transaction, called, completed in another. Its number follows
// from the request, so that every process that completes it asks the roastery for the same thing.
type roast struct {
	roastery *roastery
	name     string
	number   uuid.UUID
	done     bool // what Call or LookUp learned
}

var _ idempotency.Operation[*postgres.Tx] = (*roast)(nil)

func (r *roast) Name() string { return r.name }
func (r *roast) Resource() idempotency.Resource {
	return idempotency.Resource{Type: "roast", ID: r.number}
}
func (r *roast) Ready() error       { return nil }
func (r *roast) Reads(*postgres.Tx) {}

// Prepare writes down that it begins, together with the claim of the key.
func (r *roast) Prepare(_ context.Context, tx *postgres.Tx, _ idempotency.Claim) error {
	tx.Insert("begin a roast", `INSERT INTO roasts (id, state) VALUES ($1, 'roasting')`, r.number)
	return nil
}

// Call asks once. An answer that doesn't come claims nothing.
func (r *roast) Call(ctx context.Context) idempotency.Answer {
	if err := r.roastery.Roast(ctx, r.number); err != nil {
		return idempotency.Answer{}
	}
	r.done = true
	return idempotency.Answer{Known: true}
}

// LookUp asks what became of a Call, of this process or of one that died.
func (r *roast) LookUp(ctx context.Context) idempotency.Answer {
	if there, err := r.roastery.Roasted(ctx, r.number); err != nil || !there {
		return idempotency.Answer{}
	}
	r.done = true
	return idempotency.Answer{Known: true}
}

// Complete writes down what became of it, together with the response.
func (r *roast) Complete(_ context.Context, tx *postgres.Tx, answer idempotency.Answer) (*idempotency.Response, error) {
	state, status := "unknown", http.StatusAccepted
	if answer.Known && r.done {
		state, status = "roasted", http.StatusCreated
	}
	tx.MustAffect("end a roast", `UPDATE roasts SET state = $2 WHERE id = $1`, r.number, state)
	return &idempotency.Response{
		Status: status, Body: fmt.Appendf(nil, `{"state":%q}`, state), Resource: r.Resource(),
		Headers: []idempotency.Header{{Name: "Content-Type", Value: "application/json"}},
	}, nil
}

// Undo takes Prepare's writes back when the Call surely had no effect.
func (r *roast) Undo(tx *postgres.Tx) {
	tx.MustAffect("take a roast back", `DELETE FROM roasts WHERE id = $1`, r.number)
}

// Resume makes the operation of a record whose first holder is gone.
func (r *roastery) Resume(_ context.Context, rec *idempotency.Record) (idempotency.Resumption[*postgres.Tx], error) {
	return &roast{roastery: r, name: rec.Operation, number: rec.Resource.ID}, nil
}

// roastShop is a service with an operation of its own, and its log.
func roastShop(t *testing.T, name string, lost bool) (post func(key string) *httptest.ResponseRecorder, r *roastery, log *bytes.Buffer) {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	url, _, done := shopStores()
	t.Cleanup(done)
	if err := schema.Migrate(t.Context(), url, schema.Options{Schema: "once"}); err != nil {
		t.Fatal(err)
	}
	db, err := postgres.Open(url, postgres.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.GORM().Exec(`CREATE TABLE roasts (id uuid PRIMARY KEY, state text)`).Error; err != nil {
		t.Fatal(err)
	}
	watch := postgres.NewPrimaryMonitor(postgres.ReadPrimary(db.MonitorPool()), 0, slog.New(slog.DiscardHandler))
	if err := watch.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { watch.Close(); _ = db.Close() })
	r, log = &roastery{roasted: map[uuid.UUID]bool{}, lost: lost}, &bytes.Buffer{}
	requests := idempotency.New(postgres.NewStore(db, watch, postgres.StoreOptions{Schema: "once"}), r, idempotency.Options{})
	once := middleware.NewIdempotency(requests, middleware.Config{
		Tenant: func(*gin.Context) idempotency.Tenant { return idempotency.Tenant{1} }, Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	router := gin.New()
	router.POST("/roasts", once.Do(func(_ *gin.Context, req idempotency.Request) (idempotency.Work[*postgres.Tx], error) {
		number := uuid.UUID(idempotency.DeriveUUID("roast", req.Tenant, req.Key, "roast", req.Fingerprint))
		return idempotency.Work[*postgres.Tx]{External: &roast{roastery: r, name: name, number: number}}, nil
	}))
	return func(key string) *httptest.ResponseRecorder {
		request := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/roasts", strings.NewReader("{}"))
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Idempotency-Key", key)
		w := httptest.NewRecorder()
		router.ServeHTTP(w, request)
		return w
	}, r, log
}

func TestOperationsOfAnotherServiceHappenOnce(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} {
		post, r, _ := roastShop(t, "roast", lost)
		first, again := post("k"), post("k")
		want := map[bool]int{false: http.StatusCreated, true: http.StatusAccepted}[lost]
		if first.Code != want || again.Code != want || again.Body.String() != first.Body.String() || again.Header().Get("Idempotent-Replayed") != "true" {
			t.Errorf("lost %v: %d %s, then %d %s, want %d twice", lost, first.Code, first.Body, again.Code, again.Body, want)
		}
		if len(r.roasted) != 1 {
			t.Errorf("lost %v: roasted %d times", lost, len(r.roasted))
		}
	}
}

func TestOperationsWithAWrongNameAreLoggedWithTheReason(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "Roast coffee", "röst", fmt.Sprintf("%x", sha256.Sum256(nil))} {
		post, r, log := roastShop(t, name, false)
		if w := post("k"); w.Code != http.StatusInternalServerError || !strings.Contains(log.String(), "operation") || len(r.roasted) > 0 {
			t.Errorf("%q: %d, log %q, roasted %d times; want 500, and a log that says why", name, w.Code, log, len(r.roasted))
		}
	}
}
