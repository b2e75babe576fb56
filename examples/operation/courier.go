package main

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// courier is the other side. A booking has a number that we choose, so that we can ask what became of it.
type courier interface {
	Book(ctx context.Context, number [16]byte) error
	Booked(ctx context.Context, number [16]byte) (bool, error)
}

// bookings stands for the courier: it remembers what was booked, and may lose an answer.
type bookings struct {
	mu         sync.Mutex
	numbers    [][16]byte
	loseAnswer bool
}

func (b *bookings) Book(_ context.Context, number [16]byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.numbers = append(b.numbers, number)
	if b.loseAnswer {
		return errors.New("no answer")
	}
	return nil
}

func (b *bookings) Booked(_ context.Context, number [16]byte) (bool, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Contains(b.numbers, number), nil
}
