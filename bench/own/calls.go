package main

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
)

// ticket is a row before a call, and its change after it.
type ticket struct {
	ID    uuid.UUID `json:"id" gorm:"type:uuid;primaryKey"`
	State string    `json:"state"`
}

const (
	booking = "booking"
	booked  = "booked"
)

// book is the effect outside the database.
func (s *own) book(ctx context.Context, id uuid.UUID) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.chargeURL, http.NoBody)
	if err != nil {
		return err
	}
	req.Header.Set("Idempotency-Key", id.String())
	resp, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %d: %w", resp.StatusCode, err)
	}
	return nil
}

// call is the handler that one writes first: a row, the call, its outcome in the row.
func (s *own) call(c *gin.Context) {
	n, ok := newNote(c)
	if !ok {
		return
	}
	ctx, t := c.Request.Context(), &ticket{ID: n.ID, State: booking}
	db := s.plain.WithContext(ctx)
	err := db.Create(t).Error
	if err == nil {
		err = s.book(ctx, t.ID)
	}
	if err == nil {
		err = db.Model(t).Update("state", booked).Error
	}
	if err != nil {
		c.AbortWithStatus(http.StatusInternalServerError)
		return
	}
	c.JSON(http.StatusCreated, t)
}

// operation is the same behind payonce.
type operation struct {
	service *own
	id      uuid.UUID
}

var _ idempotency.Operation[*tx] = (*operation)(nil)

func (s *own) external(_ *gin.Context, req idempotency.Request) (work idempotency.Work[*tx], err error) {
	work.External = &operation{s, idempotency.DeriveUUID("ticket", req.Tenant, req.Key, "ticket", req.Fingerprint)}
	return work, nil
}

// Resume implements [idempotency.Resumer].
func (s *own) Resume(_ context.Context, rec *idempotency.Record) (idempotency.Resumption[*tx], error) {
	return &operation{s, rec.Resource.ID}, nil
}

func (o *operation) Name() string { return "ticket" }

func (o *operation) Resource() idempotency.Resource {
	return idempotency.Resource{Type: "ticket", ID: o.id}
}

func (o *operation) Ready() error { return nil }

func (o *operation) Reads(*tx) {}

func (o *operation) ReadsNothing() {}

func (o *operation) Prepare(_ context.Context, tx *tx, _ idempotency.Claim) error {
	tx.Insert("begin a ticket", `INSERT INTO tickets (id, state) VALUES ($1, 'booking')`, o.id)
	return nil
}

func (o *operation) Call(ctx context.Context) idempotency.Answer {
	return idempotency.Answer{Known: o.service.book(ctx, o.id) == nil}
}

func (o *operation) LookUp(context.Context) idempotency.Answer { return idempotency.Answer{} }

func (o *operation) Complete(_ context.Context, tx *tx, answer idempotency.Answer) (*idempotency.Response, error) {
	state, status := "unknown", http.StatusAccepted
	if answer.Known {
		state, status = booked, http.StatusCreated
	}
	tx.MustAffect("end a ticket", `UPDATE tickets SET state = $2 WHERE id = $1`, o.id, state)
	return &idempotency.Response{
		Status: status, Body: fmt.Appendf(nil, `{"id":%q,"state":%q}`, o.id, state), Resource: o.Resource(),
		Headers: []idempotency.Header{{Name: "Content-Type", Value: jsonType}},
	}, nil
}

func (o *operation) Undo(tx *tx) {
	tx.MustAffect("undo a ticket", `DELETE FROM tickets WHERE id = $1`, o.id)
}
