package naive

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/redis"
	"github.com/payonce/payonce/provider"
)

const (
	// Merchant is how the provider's book names the merchant of every charge.
	Merchant = "mer_without_protection"
	// Database is the database that the demos make for it, beside payonce's.
	Database = "naive"

	codeInFlight   = "idempotency-request-in-flight"
	codeNotPayable = "order-not-payable"

	tables = `
		CREATE TABLE IF NOT EXISTS orders (id text PRIMARY KEY, amount bigint NOT NULL, currency text NOT NULL, paid boolean NOT NULL DEFAULT false);
		CREATE TABLE IF NOT EXISTS payments (id text PRIMARY KEY, order_id text NOT NULL REFERENCES orders, amount bigint NOT NULL, reference text NOT NULL)`
)

// The spans that a [Tracer] measures, in their order.
const (
	SpanLookUp = "look the order up"
	SpanCharge = "charge"
	SpanWrite  = "write the payment"
)

// Config is what a [Service] works with.
type Config struct {
	DB       *sql.DB
	Redis    redis.Client // for requests with a key
	Provider Provider
	Tracer   idempotency.Tracer // nil: nothing is measured
}

// Provider charges. Each call is a charge of its own.
type Provider interface {
	Authorize(ctx context.Context, req provider.AuthorizeRequest) provider.Result[provider.Intent]
}

// Service is the plain service.
type Service struct{ Config }

// New returns a service over a database in which [CreateTables] has run.
func New(cfg Config) *Service {
	if cfg.Tracer == nil {
		cfg.Tracer = idempotency.NoSpans{}
	}
	return &Service{cfg}
}

// CreateTables makes the tables where they are missing.
func CreateTables(ctx context.Context, db *sql.DB) error {
	if _, err := db.ExecContext(ctx, tables); err != nil {
		return fmt.Errorf("make the plain service's tables: %w", err)
	}
	return nil
}

// Handler serves POST /v1/orders and POST /v1/payments.
func (s *Service) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/orders", answering(s.createOrder))
	mux.HandleFunc("POST /v1/payments", answering(s.keysInRedis(s.pay)))
	return mux
}

// reply is a status and a JSON document.
type reply struct {
	status   int
	body     map[string]any
	replayed bool
}

func refuse(status int, code string) reply {
	return reply{status: status, body: map[string]any{"code": code}}
}

// answering turns a handler into one for net/http.
func answering(handle func(*http.Request) (reply, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		said, err := handle(r)
		if err != nil {
			said = refuse(http.StatusInternalServerError, "internal")
		}
		w.Header().Set("Content-Type", "application/json")
		if said.replayed {
			w.Header().Set("Idempotent-Replayed", "true")
		}
		w.WriteHeader(said.status)
		_ = json.NewEncoder(w).Encode(said.body) // a client that is gone is gone
	}
}

func decode(r *http.Request, into any) bool { return json.NewDecoder(r.Body).Decode(into) == nil }

func (s *Service) createOrder(r *http.Request) (reply, error) {
	var in struct {
		Amount   int64  `json:"amount"`
		Currency string `json:"currency"`
	}
	if !decode(r, &in) || in.Amount < 1 || strings.ContainsRune(in.Currency, 0) { // a text of PostgreSQL holds no NUL
		return refuse(http.StatusBadRequest, "malformed-request"), nil
	}
	id := orderPrefix + rand.Text()
	_, err := s.DB.ExecContext(r.Context(), `INSERT INTO orders (id, amount, currency) VALUES ($1, $2, $3)`, id, in.Amount, in.Currency)
	return reply{status: http.StatusCreated, body: map[string]any{"id": id}}, err
}

const (
	orderPrefix   = "ord_"
	paymentPrefix = "pay_"
)

// newPaymentID names the order, so that the provider's book says what a charge was for that stands in no table.
func newPaymentID(order string) string { return paymentsOf(order) + rand.Text() }

func paymentsOf(order string) string {
	return paymentPrefix + strings.TrimPrefix(order, orderPrefix) + "_"
}

// Pays reports whether a payment in the provider's book is for an order of this service.
func Pays(payment, order string) bool { return strings.HasPrefix(payment, paymentsOf(order)) }

// pay looks whether the order is paid, charges, and writes the payment down. Two copies that look before either has
// written both charge. A process that dies after the charge, and a client that hangs up (its context ends the call and
// the INSERT), leave a charge that stands in no table.
func (s *Service) pay(r *http.Request) (reply, error) {
	ctx := r.Context()
	var in struct {
		OrderID string `json:"order_id"`
		Method  string `json:"payment_method"`
	}
	if !decode(r, &in) || strings.ContainsRune(in.OrderID, 0) {
		return refuse(http.StatusBadRequest, "malformed-request"), nil
	}
	amount, currency, paid, err := s.find(ctx, in.OrderID)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return refuse(http.StatusNotFound, "not-found"), nil
	case err != nil:
		return reply{}, err
	case paid:
		return refuse(http.StatusConflict, codeNotPayable), nil
	}
	id := newPaymentID(in.OrderID)
	// A key of its own for each call, as the providers' client libraries make one when they are given none.
	charging, end := s.Tracer.Start(ctx, SpanCharge)
	charged := s.Provider.Authorize(charging, provider.AuthorizeRequest{
		Key: rand.Text(), PaymentID: id, MerchantID: Merchant, Amount: amount, Currency: currency, PaymentMethod: in.Method,
	})
	end(charged.Err)
	if charged.Outcome != provider.Answered {
		return refuse(http.StatusBadGateway, "provider-failed"), nil
	}
	if err := s.write(ctx, id, in.OrderID, amount, charged.Object.Reference); err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusCreated, body: map[string]any{"id": id, "status": "succeeded"}}, nil
}

func (s *Service) find(ctx context.Context, order string) (amount int64, currency string, paid bool, err error) {
	ctx, end := s.Tracer.Start(ctx, SpanLookUp)
	defer func() { end(err) }()
	err = s.DB.QueryRowContext(ctx, `SELECT amount, currency, paid FROM orders WHERE id = $1`, order).Scan(&amount, &currency, &paid)
	return amount, currency, paid, err
}

func (s *Service) write(ctx context.Context, id, order string, amount int64, reference string) (err error) {
	ctx, end := s.Tracer.Start(ctx, SpanWrite)
	defer func() { end(err) }()
	tx, err := s.DB.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a COMMIT it does nothing
	if _, err := tx.ExecContext(ctx, `INSERT INTO payments (id, order_id, amount, reference) VALUES ($1, $2, $3, $4)`,
		id, order, amount, reference); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE orders SET paid = true WHERE id = $1`, order); err != nil {
		return err
	}
	return tx.Commit()
}
