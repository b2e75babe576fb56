package security

import (
	"context"
	"database/sql"
	"flag"
	"os"
	"slices"
	"testing"

	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver of the tests' own look at the database

	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
	"github.com/payonce/payonce/test/service"
)

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "6") // slow clients take ten seconds and no processor
	os.Exit(service.Main(m))
}

// canary is a part of every hostile text. What must not leak, must not leak it.
const canary = "canary7f3a"

// target is a service under attack, and two of its merchants.
type target struct {
	service     *service.Service
	db          *sql.DB
	mine, other *merchant
	responses   *responses
}

// merchant sends requests of its own, and checks what every answer promises.
type merchant struct {
	client *service.Client
	id     uuid.UUID
	target *target
}

// TestNothingGetsThrough is the whole suite against one service: the attacks side by side, then a look at what is left.
func TestNothingGetsThrough(t *testing.T) {
	t.Parallel()
	s := attack(t, service.Options{Env: map[string]string{"WEBHOOK_ALLOW_LOOPBACK": "on"}}) // isolation makes endpoints; addresses are webhooks_test.go's
	before := s.tables(t)
	t.Run("attacks", func(t *testing.T) {
		for name, area := range map[string]func(*testing.T){
			"credentials": s.credentials, "isolation": s.isolation, "keys": s.keys, "headers": s.headers, "bodies": s.bodies,
			"slow clients": s.slowClients, "smuggling": s.smuggling, "forwarding": s.forwarding, "members": s.members,
			"integers": s.integers, "injection": s.injection, "admin": s.admin, "responses": s.everyAnswer,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				area(t)
			})
		}
	})
	t.Run("the tables are as they were", func(t *testing.T) {
		if after := s.tables(t); !slices.Equal(before, after) {
			t.Errorf("before %v, after %v", before, after)
		}
	})
	t.Run("the log holds one line for each request and nothing of their texts", s.auditLog)
	t.Run("the memory is back within bounds", s.auditMemory)
}

// attack starts a service with two merchants.
func attack(t *testing.T, opt service.Options) *target {
	t.Helper()
	s := &target{service: service.Start(t, opt), responses: newResponses()}
	db, err := sql.Open("pgx", s.service.Options.DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s.db = db
	s.mine, s.other = s.merchant(t), s.merchant(t)
	return s
}

// merchant makes another merchant, for attacks that count what it has.
func (s *target) merchant(t *testing.T) *merchant {
	t.Helper()
	text, apiKey := service.Merchant(t, s.service.Options.DatabaseURL)
	id, err := models.ParseID(models.PrefixMerchant, text)
	if err != nil {
		t.Fatal(err)
	}
	return &merchant{client: s.service.Client(apiKey), id: id, target: s}
}

// anotherKey makes a second API key of the merchant.
func (m *merchant) anotherKey(t *testing.T) *merchant {
	t.Helper()
	_, apiKey, err := m.target.merchants(t).CreateKey(t.Context(), m.id)
	if err != nil {
		t.Fatal(err)
	}
	return &merchant{client: m.target.service.Client(apiKey), id: m.id, target: m.target}
}

// revoke ends the merchant's API key, as the command does.
func (m *merchant) revoke(t *testing.T) {
	t.Helper()
	if err := m.target.merchants(t).RevokeKey(t.Context(), service.KeyID(t, m.client.APIKey())); err != nil {
		t.Fatal(err)
	}
}

func (s *target) merchants(t *testing.T) *repository.Merchants {
	t.Helper()
	return service.Merchants(t, s.service.Options.DatabaseURL)
}

// send makes one request and checks the promises of its answer.
func (m *merchant) send(t *testing.T, method, path, key, body string, headers ...string) service.Response {
	t.Helper()
	resp := m.client.Send(context.Background(), method, path, key, body, headers...)
	if resp.Err != nil {
		t.Errorf("%s %.100s: %v", method, path, resp.Err)
		return resp
	}
	m.target.responses.check(t, method+" "+path, resp)
	return resp
}

// order makes an order and returns its id.
func (m *merchant) order(t *testing.T) string {
	t.Helper()
	resp := m.send(t, "POST", "/v1/orders", uuid.NewString(), service.OrderBody)
	service.Wants(t, "an order", resp, 201, "")
	return resp.Field("id")
}

// number reads one number from the database.
func (s *target) number(t *testing.T, query string, args ...any) (n int64) {
	t.Helper()
	if err := s.db.QueryRowContext(context.Background(), query, args...).Scan(&n); err != nil {
		t.Errorf("%s: %v", query, err)
	}
	return n
}

// has counts all that the merchant has: rows that an attack must not add to.
func (m *merchant) has(t *testing.T) int64 {
	t.Helper()
	return m.target.number(t, `SELECT (SELECT count(*) FROM orders WHERE merchant_id = $1) + (SELECT count(*) FROM payments WHERE merchant_id = $1)
		+ (SELECT count(*) FROM idempotency_keys WHERE merchant_id = $1) + (SELECT count(*) FROM events WHERE merchant_id = $1)`, m.id)
}

// tables names every table, with its columns.
func (s *target) tables(t *testing.T) (names []string) {
	t.Helper()
	rows, err := s.db.QueryContext(context.Background(), `SELECT table_name || '.' || column_name || ' ' || data_type
		FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil || len(names) < 50 {
		t.Fatalf("%d columns, %v", len(names), err)
	}
	return names
}
