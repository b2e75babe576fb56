package repository

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/models"
)

const (
	// keyAge bounds how long an API key is believed without asking, also when nobody hears of revocations.
	keyAge = 60 * time.Second
	// maxKeys bounds the cache; beyond it, it starts afresh.
	maxKeys = 10_000
)

// ErrUnknownKey means malformed, unknown, expired or revoked; which of them is nobody's business.
var ErrUnknownKey = errors.New("not a valid API key")

// Revocations tells of API keys that were revoked; Watch does.
type Revocations interface {
	Epoch() Epoch
	Now() time.Time
}

// Authenticator checks API keys against a cache in the process. An entry is dropped when the epoch of revocations has
// changed since before it was loaded, which every replica sees within a second.
type Authenticator struct {
	merchants *Merchants
	watch     Revocations
	mu        sync.RWMutex
	known     map[string]knownKey
}

type knownKey struct {
	key    models.APIKey
	epoch  Epoch
	loaded time.Time // monotonic
}

// NewAuthenticator returns an empty cache.
func NewAuthenticator(merchants *Merchants, watch Revocations) *Authenticator {
	return &Authenticator{merchants: merchants, watch: watch, known: map[string]knownKey{}}
}

// Check returns the merchant and the id of a valid key. The secret is compared in constant time, cached or not. A key
// that isn't cached is looked up only if mayAsk returns nil: guessing keys must not cost a query each. A wrong secret is
// looked up like an unknown id, cached or not: how long a refusal takes must not tell which ids exist and are in use.
func (a *Authenticator) Check(ctx context.Context, token string, mayAsk func() error) (merchant uuid.UUID, keyID string, err error) {
	id, hash, err := models.ParseAPIKey(token)
	if err != nil {
		return uuid.Nil, "", ErrUnknownKey
	}
	key, err := a.find(ctx, id, hash, mayAsk)
	if errors.Is(err, ErrNotFound) {
		return uuid.Nil, "", ErrUnknownKey
	}
	if err != nil { // of the store, or of mayAsk
		return uuid.Nil, "", fmt.Errorf("find the API key: %w", err)
	}
	if !key.Verify(hash) || !key.Usable(a.watch.Now()) {
		return uuid.Nil, "", ErrUnknownKey
	}
	return key.MerchantID, id, nil
}

func (a *Authenticator) find(ctx context.Context, id string, secretHash [32]byte, mayAsk func() error) (models.APIKey, error) {
	epoch := a.watch.Epoch() // before the load: a revocation in between makes the entry stale at once
	a.mu.RLock()
	entry, ok := a.known[id]
	a.mu.RUnlock()
	if ok && entry.epoch == epoch && time.Since(entry.loaded) < keyAge && entry.key.Verify(secretHash) {
		return entry.key, nil
	}
	if err := mayAsk(); err != nil {
		return models.APIKey{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, freshWait)
	defer cancel()
	key, err := a.merchants.FindKey(ctx, id)
	if err != nil {
		return models.APIKey{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.known) >= maxKeys {
		clear(a.known)
	}
	a.known[id] = knownKey{key, epoch, time.Now()}
	return key, nil
}
