package repository

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
)

const (
	// keyAge bounds how long an API key is believed without asking while the epoch of revocations is known, and blindAge while
	// it isn't, counted from before it was looked up: a revoked key is refused within a second in both cases.
	keyAge   = 60 * time.Second
	blindAge = 875 * time.Millisecond
	// maxKeys bounds the cache; beyond it, it starts afresh.
	maxKeys = 10_000
	// keyWait bounds one look-up.
	keyWait = time.Second
	// useInterval is how coarse last_used_at is: it is written once per key and interval at most, by all replicas together.
	useInterval = 10 * time.Minute
)

// ErrUnknownKey means malformed, unknown, expired or revoked; a client is not told which.
var ErrUnknownKey = errors.New("not a valid API key")

// RevokedAPIKeys changes whenever an API key is revoked.
const RevokedAPIKeys postgres.EpochQuery = `SELECT count(revoked_at), coalesce((extract(epoch FROM max(revoked_at)) * 1000000)::bigint, 0) FROM api_keys`

// Revocations is what is known of API keys that were revoked; [postgres.PrimaryMonitor] does.
type Revocations interface {
	// Epoch is not known while no look for revocations succeeds.
	Epoch() (epoch postgres.Epoch, known bool)
	Now() time.Time
}

// Authenticator checks API keys against a cache in the process. An entry is dropped when the epoch of revocations has
// changed since before it was loaded, which every replica sees within a second. While the epoch isn't known keys are looked
// up again and again, and when Postgres doesn't answer that they are refused as unavailable.
type Authenticator struct {
	merchants *Merchants
	primary   Revocations
	mu        sync.RWMutex
	known     map[string]knownKey
	asking    map[string]*lookUp // under way, by the key's id
	used      map[string]bool    // ids of keys whose use is yet to be written
}

// lookUp is one query that all who need its key wait for: while the epoch isn't known, each request of a key would
// hold a connection of its own.
type lookUp struct {
	done  chan struct{}
	entry knownKey
	err   error
}

type knownKey struct {
	key        models.APIKey
	epoch      postgres.Epoch
	epochKnown bool
	loaded     time.Time     // monotonic, before it was asked for
	noted      *atomic.Int64 // when its last use was written or noted, in seconds since 1970
}

// NewAuthenticator returns an empty cache.
func NewAuthenticator(merchants *Merchants, primary Revocations) *Authenticator {
	return &Authenticator{
		merchants: merchants, primary: primary, known: map[string]knownKey{}, asking: map[string]*lookUp{}, used: map[string]bool{},
	}
}

// Check returns a valid key. The secret is compared in constant time, cached or not. A key
// that isn't cached is looked up only if mayAsk returns nil: guessing keys must not cost a query each. A wrong secret is
// looked up like an unknown id, cached or not: how long a refusal takes must not show which ids exist and are in use.
func (a *Authenticator) Check(ctx context.Context, token string, mayAsk func() error) (models.APIKey, error) {
	id, secret, err := models.ParseAPIKey(token)
	if err != nil {
		return models.APIKey{}, ErrUnknownKey
	}
	entry, err := a.find(ctx, id, secret, mayAsk)
	if errors.Is(err, postgres.ErrNotFound) {
		return models.APIKey{}, ErrUnknownKey
	}
	if err != nil { // of the store, or of mayAsk
		return models.APIKey{}, fmt.Errorf("find the API key: %w", err)
	}
	now := a.primary.Now()
	if !entry.key.Verify(secret) || !entry.key.Usable(now) {
		return models.APIKey{}, ErrUnknownKey
	}
	a.note(entry, now)
	return entry.key, nil
}

func (a *Authenticator) find(ctx context.Context, id string, secret models.Secret, mayAsk func() error) (knownKey, error) {
	epoch, epochKnown := a.primary.Epoch() // before the load: a revocation in between makes the entry stale at once
	a.mu.RLock()
	entry, ok := a.known[id]
	a.mu.RUnlock()
	genuine := ok && entry.key.Verify(secret)
	if genuine && entry.believed(epoch, epochKnown) {
		return entry, nil
	}
	if !genuine { // looking a known key up again is no guessing
		if err := mayAsk(); err != nil {
			return knownKey{}, err
		}
	}
	return a.ask(ctx, id, epoch, epochKnown)
}

// ask looks a key up, or waits for a look-up of it that is under way: that one is a second old at most.
func (a *Authenticator) ask(ctx context.Context, id string, epoch postgres.Epoch, epochKnown bool) (knownKey, error) {
	a.mu.Lock()
	under, ok := a.asking[id]
	if !ok {
		under = &lookUp{done: make(chan struct{}), entry: knownKey{epoch: epoch, epochKnown: epochKnown, loaded: time.Now()}}
		a.asking[id] = under
	}
	a.mu.Unlock()
	if !ok {
		a.load(context.WithoutCancel(ctx), id, under) // others may wait for it when this client has gone
	}
	select {
	case <-under.done:
		return under.entry, under.err
	case <-ctx.Done():
		return knownKey{}, fmt.Errorf("%w: %w", idempotency.ErrUnavailable, ctx.Err())
	}
}

// load runs the query, within keyWait, and keeps what it found.
func (a *Authenticator) load(ctx context.Context, id string, under *lookUp) {
	ctx, cancel := context.WithTimeout(ctx, keyWait)
	defer cancel()
	under.err = idempotency.ErrUnavailable // stays when FindKey panics: those who wait get it
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.asking, id)
		if under.err == nil {
			if len(a.known) >= maxKeys {
				clear(a.known)
			}
			a.known[id] = under.entry
		}
		close(under.done)
	}()
	under.entry.key, under.err = a.merchants.FindKey(ctx, id)
	under.entry.noted = new(atomic.Int64)
	if at := under.entry.key.LastUsedAt; at != nil {
		under.entry.noted.Store(at.Unix())
	}
}

// believed reports whether an entry may be used without asking.
func (k knownKey) believed(epoch postgres.Epoch, epochKnown bool) bool {
	age := time.Since(k.loaded)
	if epochKnown && k.epochKnown {
		return k.epoch == epoch && age < keyAge
	}
	return age < blindAge
}
