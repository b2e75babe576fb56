package demo

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/payonce/payonce/config"
	"github.com/payonce/payonce/provider"
	"github.com/payonce/payonce/repository"
)

const (
	naiveDatabase = "naive"
	naiveMerchant = "mer_without_protection"
	naiveTables   = `
		CREATE TABLE orders (id text PRIMARY KEY, amount bigint NOT NULL, currency text NOT NULL, paid boolean NOT NULL DEFAULT false);
		CREATE TABLE payments (id text PRIMARY KEY, order_id text NOT NULL REFERENCES orders, amount bigint NOT NULL, reference text NOT NULL)`
)

// naive is the payments service that most teams write first, and it isn't written badly to lose: it refuses an order that
// is paid, writes the payment and the order in one transaction, and keeps idempotency keys when a client sends them (see
// keysInRedis). What it lacks is a claim that is committed before the charge, and an answer that is committed with it.
type naive struct {
	db    *sql.DB
	redis repository.RedisClient
	payer *provider.Client
}

// ServeNaive runs the service until the context ends.
func ServeNaive(ctx context.Context, cfg config.Config, log *slog.Logger, errOut io.Writer) (err error) {
	db, err := repository.Open(string(cfg.DatabaseURL), repository.Options{MaxConns: cfg.DBMaxConns, Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	redis, err := repository.OpenRedis(string(cfg.RedisURL), log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, redis.Close()) }()
	payer, err := provider.New(provider.Config{
		URL: cfg.ProviderURL, SecretKey: string(cfg.ProviderSecretKey), Timeout: cfg.ProviderTimeout, Log: log,
	})
	if err != nil {
		return err
	}
	defer payer.Close()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", cfg.Addr)
	if err != nil {
		return fmt.Errorf("ADDR %s: %w", cfg.Addr, err)
	}
	n := &naive{db: db.SQL(), redis: redis, payer: payer}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/orders", answering(n.createOrder))
	mux.HandleFunc("POST /v1/payments", answering(n.keysInRedis(n.pay)))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	_, _ = fmt.Fprintf(errOut, "a payments service without protection, for the demo\nlistening on http://%s\n", listener.Addr())
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return server.Close()
	}
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

func (n *naive) createOrder(r *http.Request) (reply, error) {
	var in struct {
		Amount   int64  `json:"amount"`
		Currency string `json:"currency"`
	}
	if !decode(r, &in) || in.Amount < 1 {
		return refuse(http.StatusBadRequest, "malformed-request"), nil
	}
	id := "ord_" + rand.Text()
	_, err := n.db.ExecContext(r.Context(), `INSERT INTO orders (id, amount, currency) VALUES ($1, $2, $3)`, id, in.Amount, in.Currency)
	return reply{status: http.StatusCreated, body: map[string]any{"id": id}}, err
}

// pay looks whether the order is paid, charges, and writes the payment down. Two copies that look before either has
// written both charge. A process that dies after the charge, and a client that hangs up (its context ends the call and
// the INSERT), leave a charge that nobody wrote down.
func (n *naive) pay(r *http.Request) (reply, error) {
	ctx := r.Context()
	var in struct {
		OrderID string `json:"order_id"`
		Method  string `json:"payment_method"`
	}
	if !decode(r, &in) {
		return refuse(http.StatusBadRequest, "malformed-request"), nil
	}
	var amount int64
	var currency string
	var paid bool
	err := n.db.QueryRowContext(ctx, `SELECT amount, currency, paid FROM orders WHERE id = $1`, in.OrderID).Scan(&amount, &currency, &paid)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return refuse(http.StatusNotFound, "not-found"), nil
	case err != nil:
		return reply{}, err
	case paid:
		return refuse(http.StatusConflict, codeNotPayable), nil
	}
	id := "pay_" + rand.Text()
	// A key of its own for each call, as the providers' client libraries make one when they are given none.
	charged := n.payer.Authorize(ctx, provider.AuthorizeRequest{
		Key: rand.Text(), PaymentID: id, MerchantID: naiveMerchant, Amount: amount, Currency: currency, PaymentMethod: in.Method,
	})
	if charged.Outcome != provider.Answered {
		return refuse(http.StatusBadGateway, "provider-failed"), nil
	}
	if err := n.write(ctx, id, in.OrderID, amount, charged.Intent.Reference); err != nil {
		return reply{}, err
	}
	return reply{status: http.StatusCreated, body: map[string]any{"id": id, "status": "succeeded"}}, nil
}

func (n *naive) write(ctx context.Context, id, order string, amount int64, reference string) error {
	tx, err := n.db.BeginTx(ctx, nil)
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
