package payonce

import (
	"context"
	"sync"
)

// Entry is what is kept of an operation.
type Entry struct {
	Key     string `json:"key"`     // the Idempotency-Key of all its requests
	Request string `json:"request"` // stands for the request: another one gets another text; empty while the key is free for any
}

// Store keeps the key of each operation. A table with the operation as its primary key makes one: Claim is an INSERT ... ON
// CONFLICT DO NOTHING and a SELECT, Release a DELETE with both columns. Its methods are called from several goroutines.
type Store interface {
	// Claim keeps fresh for the operation when nothing is kept for it, and returns what is kept. It is atomic, so that of two
	// programs both get the same entry; and what it returns is durable, because the request is sent right after it.
	Claim(ctx context.Context, operation string, fresh Entry) (Entry, error)
	// Find returns what is kept.
	Find(ctx context.Context, operation string) (entry Entry, ok bool, err error)
	// Release forgets the operation if this is its key; otherwise it does nothing.
	Release(ctx context.Context, operation, key string) error
}

// MemoryStore keeps keys for as long as the program runs. Its memory grows by each operation that is not forgotten.
type MemoryStore struct {
	mu      sync.Mutex
	entries map[string]Entry
}

var _ Store = (*MemoryStore)(nil)

// NewMemoryStore returns an empty store.
func NewMemoryStore() *MemoryStore { return &MemoryStore{entries: map[string]Entry{}} }

// Claim implements [Store].
func (s *MemoryStore) Claim(_ context.Context, operation string, fresh Entry) (Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if kept, ok := s.entries[operation]; ok {
		return kept, nil
	}
	s.entries[operation] = fresh
	return fresh, nil
}

// Find implements [Store].
func (s *MemoryStore) Find(_ context.Context, operation string) (entry Entry, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	entry, ok = s.entries[operation]
	return entry, ok, nil
}

// Release implements [Store].
func (s *MemoryStore) Release(_ context.Context, operation, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.entries[operation].Key == key {
		delete(s.entries, operation)
	}
	return nil
}
