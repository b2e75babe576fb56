package crash

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the checker reads the tables by plain SQL, not through the code that it checks

	"github.com/payonce/payonce/repository"
	"github.com/payonce/payonce/test/apicheck"
	"github.com/payonce/payonce/test/stores"
)

// world is everything around the replicas: the stores, the bank and two merchants.
type world struct {
	t          *testing.T
	bank       *bank
	db         *sql.DB
	settings   map[string]string
	key, other string // API keys
}

// newWorld makes stores and merchants. The leases are short, so that takeovers take a second and not half a minute.
func newWorld(t *testing.T, overrides map[string]string) *world {
	t.Helper()
	w := &world{t: t, bank: startBank(t)}
	w.settings = map[string]string{
		"ADDR": "127.0.0.1:0", "ADMIN_ADDR": "127.0.0.1:0", "DATA_DIR": t.TempDir(), "SECRET_KEY": secretKey, "RATE_LIMIT": "off",
		"PROVIDER_URL": w.bank.server.URL, "PROVIDER_SECRET_KEY": providerKey, "PROVIDER_TIMEOUT": "700ms",
		"COMPLETION_BUDGET": "800ms", "IDEMPOTENCY_LEASE": "1500ms", "RECOVERY_INTERVAL": "100ms", "PROVIDER_SETTLE": "200ms",
	}
	maps.Copy(w.settings, overrides)
	if w.settings["DATABASE_URL"] == "" {
		w.settings["DATABASE_URL"] = stores.Database(t)
	}
	if w.settings["REDIS_URL"] == "" {
		w.settings["REDIS_URL"] = stores.Redis(t)
	}
	var err error
	if w.db, err = sql.Open("pgx", w.settings["DATABASE_URL"]); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.db.Close() })
	w.makeMerchants()
	return w
}

func (w *world) makeMerchants() {
	w.t.Helper()
	db, err := repository.Open(w.settings["DATABASE_URL"], repository.Options{MaxConns: 2})
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	merchants := repository.NewMerchants(db.GORM())
	for _, key := range []*string{&w.key, &w.other} {
		merchant, err := merchants.Create(w.t.Context(), "Crash")
		if err != nil {
			w.t.Fatal(err)
		}
		if _, *key, err = merchants.CreateKey(w.t.Context(), merchant.ID); err != nil {
			w.t.Fatal(err)
		}
	}
	w.settings["TEST_API_KEY"] = w.key
}

func (w *world) replica() *replica {
	w.t.Helper()
	return start(w.t, w.settings)
}

// answer is what a client saw. Status 0: nothing that it can trust.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) outcome() bool { return a.status >= 200 && a.status < 300 || a.status == 402 }

// same compares what a replay must not change.
func (a answer) same(b answer) bool {
	return a.status == b.status && a.body == b.body && a.header.Get("Location") == b.header.Get("Location") &&
		a.header.Get("Content-Type") == b.header.Get("Content-Type")
}

func (a answer) text(path string) string {
	var value any
	if json.Unmarshal([]byte(a.body), &value) != nil {
		return ""
	}
	object, _ := value.(map[string]any)
	text, _ := object[path].(string)
	return text
}

type request struct {
	method, url, key, token, body, prefer string
}

// send sends a request once: net/http must not repeat it, or the test proves nothing.
func (w *world) send(ctx context.Context, r request) answer {
	if r.method == "" {
		r.method = http.MethodPost
	}
	if r.token == "" {
		r.token = w.key
	}
	req, err := http.NewRequestWithContext(ctx, r.method, r.url, strings.NewReader(r.body))
	if err != nil {
		return answer{}
	}
	req.GetBody = nil
	req.Header.Set("Authorization", "Bearer "+r.token)
	if r.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.key != "" {
		req.Header.Set("Idempotency-Key", r.key)
	}
	if r.prefer != "" {
		req.Header.Set("Prefer", r.prefer)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 30 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		return answer{}
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}
	}
	if err := apicheck.Response(r.method, req.URL.Path, resp.StatusCode, resp.Header, body); err != nil {
		w.t.Errorf("not as described: %v", err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

const orderBody = `{"amount":1999,"currency":"EUR"}`

// order makes an order that is not what the test is about.
func (w *world) order(r *replica, key string) string {
	w.t.Helper()
	made := w.send(w.t.Context(), request{url: r.url + "/v1/orders", key: key, body: orderBody})
	if made.status != http.StatusCreated {
		w.t.Fatalf("order: %d %s", made.status, made.body)
	}
	return made.text("id")
}

func paying(r *replica, key, order, method string) request {
	return request{url: r.url + "/v1/payments", key: key, body: `{"order_id":"` + order + `","payment_method":"` + method + `"}`}
}

// untilOutcome repeats a request until it has an outcome, as a client that retries does. Before, only 409 and 503 are
// right answers.
func (w *world) untilOutcome(r request) answer {
	w.t.Helper()
	var last answer
	eventually(w.t, 15*time.Second, "an outcome", func() bool {
		last = w.send(w.t.Context(), r)
		if !last.outcome() && last.status != 409 && last.status != 503 {
			w.t.Fatalf("a retry was answered with %d %s", last.status, last.body)
		}
		return last.outcome()
	})
	return last
}

// text reads one value from the database.
func (w *world) text(query string, args ...any) string {
	w.t.Helper()
	var value sql.NullString
	if err := w.db.QueryRowContext(w.t.Context(), query, args...).Scan(&value); err != nil && !errors.Is(err, sql.ErrNoRows) {
		w.t.Fatalf("%s: %v", query, err)
	}
	return value.String
}
