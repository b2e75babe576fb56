// Command operation is a service of your own with an effect outside its database: it books a courier, once per key, however
// often it is asked. It needs a PostgreSQL database of its own: DATABASE_URL=postgres://... go run ./examples/operation
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/idempotency/postgres/schema"
	"github.com/payonce/payonce/idempotency/service"
	"github.com/payonce/payonce/middleware"
)

// shipment is an [idempotency.Operation]: claimed in one transaction, called, completed in another.
type shipment struct {
	courier courier
	number  [16]byte
}

func (s *shipment) Name() string { return "shipment" }
func (s *shipment) Resource() idempotency.Resource {
	return idempotency.Resource{Type: "shipment", ID: s.number}
}
func (s *shipment) Ready() error       { return nil } // a circuit breaker would answer here
func (s *shipment) Reads(*postgres.Tx) {}
func (s *shipment) ReadsNothing()      {} // so the claim of a new key takes one round trip

// Prepare writes down that a booking begins, together with the claim of the key.
func (s *shipment) Prepare(_ context.Context, tx *postgres.Tx, _ idempotency.Claim) error {
	tx.Insert("begin a shipment", `INSERT INTO shipments (id, state) VALUES ($1, 'booking')`, s.number)
	return nil
}

// Call books, exactly once. Without a clear answer nothing is known: the zero Answer.
func (s *shipment) Call(ctx context.Context) idempotency.Answer {
	if err := s.courier.Book(ctx, s.number); err != nil {
		return idempotency.Answer{}
	}
	return idempotency.Answer{Known: true}
}

// LookUp asks what became of a Call, usually of a process that died.
func (s *shipment) LookUp(ctx context.Context) idempotency.Answer {
	if booked, err := s.courier.Booked(ctx, s.number); err != nil || !booked {
		return idempotency.Answer{}
	}
	return idempotency.Answer{Known: true}
}

// Complete writes down what became of it, together with the response: 202 when that is not known.
func (s *shipment) Complete(_ context.Context, tx *postgres.Tx, answer idempotency.Answer) (*idempotency.Response, error) {
	state, status := "unknown", http.StatusAccepted
	if answer.Known {
		state, status = "booked", http.StatusCreated
	}
	tx.MustAffect("end a shipment", `UPDATE shipments SET state = $2 WHERE id = $1`, s.number, state)
	return &idempotency.Response{Status: status, Body: fmt.Appendf(nil, `{"state":%q}`, state), Resource: s.Resource()}, nil
}

// Undo removes what Prepare wrote, when the Call surely had no effect.
func (s *shipment) Undo(tx *postgres.Tx) {
	tx.MustAffect("undo a shipment", `DELETE FROM shipments WHERE id = $1`, s.number)
}

// shipments resumes what a process has left behind, and makes the operation of a request.
type shipments struct{ courier courier }

func (s shipments) Resume(_ context.Context, rec *idempotency.Record) (idempotency.Resumption[*postgres.Tx], error) {
	return &shipment{s.courier, rec.Resource.ID}, nil
}

func (s shipments) bind(_ *gin.Context, req idempotency.Request) (idempotency.Work[*postgres.Tx], error) {
	number := idempotency.DeriveUUID("shipment", req.Tenant, req.Key, "shipment", req.Fingerprint) // the same for every copy
	return idempotency.Work[*postgres.Tx]{External: &shipment{s.courier, number}}, nil
}

// run sends one request twice and prints both answers.
func run(ctx context.Context, databaseURL string, courier courier, out io.Writer) error {
	if err := schema.Migrate(ctx, databaseURL, schema.Options{}); err != nil {
		return err
	}
	engine, err := service.Open(ctx, service.Config{DatabaseURL: databaseURL, Resumer: shipments{courier}})
	if err != nil {
		return err
	}
	defer func() { _ = engine.Close() }()
	if _, err := engine.Database.SQL().ExecContext(ctx, `CREATE TABLE IF NOT EXISTS shipments (id uuid PRIMARY KEY, state text)`); err != nil {
		return err
	}
	once := middleware.NewIdempotency(engine.Engine, middleware.Config{
		Tenant: func(*gin.Context) idempotency.Tenant { return idempotency.Tenant{1} }, // who is asking: from your authentication
	})
	router := gin.New()
	router.POST("/shipments", once.Do(shipments{courier}.bind))
	for range 2 {
		request, answer := httptest.NewRequestWithContext(ctx, http.MethodPost, "/shipments", strings.NewReader(`{"to":"Ada"}`)), httptest.NewRecorder()
		request.Header = http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {"order-1"}}
		router.ServeHTTP(answer, request)
		fmt.Fprintf(out, "%d %s replayed: %q\n", answer.Code, answer.Body, answer.Header().Get("Idempotent-Replayed"))
	}
	return nil
}

func main() {
	gin.SetMode(gin.ReleaseMode)
	if err := run(context.Background(), os.Getenv("DATABASE_URL"), &bookings{}, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
