package main

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/dbos-inc/dbos-transact-golang/dbos"
	"github.com/google/uuid"
)

// note is the one row, and the response.
type note struct {
	ID   uuid.UUID `json:"id" gorm:"type:uuid;primaryKey"`
	Text string    `json:"text"`
}

// ticket is a row before a call, and its change after it.
type ticket struct {
	ID    uuid.UUID `json:"id" gorm:"type:uuid;primaryKey"`
	State string    `json:"state"`
}

const (
	booking = "booking"
	booked  = "booked"
)

// createNote draws the id inside the step, as everything that would differ when the workflow runs again.
func (s *service) createNote(ctx dbos.Context, text string) (note, error) {
	return dbos.RunAsStep(ctx, func(ctx context.Context) (note, error) {
		n := note{ID: uuid.Must(uuid.NewV7()), Text: text}
		return n, s.db.WithContext(ctx).Create(&n).Error
	}, dbos.WithStepName("insert"))
}

// createNoteInTx takes SQL: GORM can't run on a dbos.Tx.
func (s *service) createNoteInTx(ctx dbos.Context, text string) (note, error) {
	return dbos.RunAsTransaction(ctx, s.source, func(ctx context.Context, tx dbos.Tx) (note, error) {
		n := note{ID: uuid.Must(uuid.NewV7()), Text: text}
		_, err := tx.Exec(ctx, `INSERT INTO notes (id, text) VALUES ($1, $2)`, n.ID, n.Text)
		return n, err
	}, dbos.WithStepName("insert"))
}

// bookTicket does something outside the database between a row and its change.
func (s *service) bookTicket(ctx dbos.Context, _ string) (ticket, error) {
	t, err := dbos.RunAsStep(ctx, func(ctx context.Context) (ticket, error) {
		t := ticket{ID: uuid.Must(uuid.NewV7()), State: booking}
		return t, s.db.WithContext(ctx).Create(&t).Error
	}, dbos.WithStepName("claim"))
	if err != nil {
		return t, err
	}
	if _, err = dbos.RunAsStep(ctx, func(ctx context.Context) (int, error) {
		return s.charge(ctx, t.ID)
	}, dbos.WithStepName("charge")); err != nil {
		return t, err
	}
	return dbos.RunAsStep(ctx, func(ctx context.Context) (ticket, error) {
		t := ticket{ID: t.ID, State: booked}
		return t, s.db.WithContext(ctx).Model(&t).Update("state", booked).Error
	}, dbos.WithStepName("complete"))
}

// charge calls the service at CHARGE_URL, with the ticket's id as its key.
func (s *service) charge(ctx context.Context, id uuid.UUID) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.chargeURL, http.NoBody)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Idempotency-Key", id.String())
	resp, err := s.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return 0, fmt.Errorf("read the answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("the charge was answered with %d", resp.StatusCode)
	}
	return resp.StatusCode, nil
}
