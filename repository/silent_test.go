package repository_test

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/idempotency/redis"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
	"github.com/payonce/payonce/test/proxy"
	"github.com/payonce/payonce/test/stores"
	"github.com/payonce/payonce/test/textlog"
	"github.com/payonce/payonce/test/wait"
)

// watchedKeys are API keys and a record in both caches, believed through a watch whose connections a test silences.
type watchedKeys struct {
	*testing.T
	direct  *repository.Merchants
	keys    *repository.Authenticator
	watch   *postgres.PrimaryMonitor
	memory  *idempotency.LocalCache
	gate    *redis.Cache
	way     *proxy.Postgres // of the watch alone
	record  *idempotency.Record
	lookUps *proxy.Postgres // of the authenticator
}

func newWatchedKeys(t *testing.T) *watchedKeys {
	t.Helper()
	url := stores.Database(t)
	k := &watchedKeys{T: t}
	open := func(url string) *postgres.Database {
		db, err := postgres.Open(url, postgres.Options{MaxConns: 2})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	through := func() *proxy.Postgres {
		way, err := proxy.NewPostgres(context.Background(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(way.Close)
		return way
	}
	k.way, k.lookUps = through(), through()
	log, _ := textlog.New()
	k.watch = postgres.NewPrimaryMonitor(postgres.ReadPrimary(open(k.way.URL()).MonitorPool(), repository.RevokedAPIKeys), 0, log)
	if err := k.watch.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.watch.Close)
	k.direct = repository.NewMerchants(open(url).GORM())
	k.keys = repository.NewAuthenticator(repository.NewMerchants(open(k.lookUps.URL()).GORM()), k.watch)
	client, err := redis.Open(stores.Redis(t), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	k.memory = idempotency.NewLocalCache(0, k.watch)
	k.gate = redis.NewCache(client, redis.Config{Secrets: [][]byte{make([]byte, 32)}, Limit: redis.Limit{Off: true}, Primary: k.watch, Log: log})
	t.Cleanup(func() {
		k.gate.Close()
		_ = client.Close()
	})
	k.record = &idempotency.Record{
		Tenant: idempotency.Tenant{1}, State: idempotency.Completed, Timeline: 1, ExpiresAt: time.Now().Add(time.Hour),
		Response: &idempotency.Response{Status: 201, Body: []byte(`{}`)},
	}
	k.memory.Put(k.record)
	k.gate.Publish(t.Context(), k.record)
	eventually(t, "both caches are believed", func() bool { return k.cached() == 2 })
	return k
}

// cached counts the caches that serve the record.
func (k *watchedKeys) cached() (count int) {
	if k.memory.Get(k.record.Tenant, k.record.KeyHash) != nil {
		count++
	}
	entry := k.gate.LookupAndMark(context.Background(), idempotency.Request{Tenant: k.record.Tenant, KeyHash: k.record.KeyHash})
	if entry.Record != nil {
		count++
	}
	return count
}

// newKey makes a key that the authenticator has seen.
func (k *watchedKeys) newKey() (id, secret string) {
	k.Helper()
	merchant, err := k.direct.Create(k.Context(), "Ada")
	if err != nil {
		k.Fatal(err)
	}
	if id, secret, err = k.direct.CreateKey(k.Context(), merchant.ID); err != nil {
		k.Fatal(err)
	}
	if err := k.check(secret); err != nil {
		k.Fatal(err)
	}
	return id, secret
}

func (k *watchedKeys) check(secret string) error {
	_, err := k.keys.Check(k.Context(), secret, func() error { return nil })
	return err
}

// revoked tells whether the key is refused within the promised second, with half of one for a busy machine.
func (k *watchedKeys) revoked(id, secret string) (inTime bool) {
	k.Helper()
	if err := k.direct.RevokeKey(k.Context(), id); err != nil {
		k.Fatal(err)
	}
	began := time.Now()
	eventually(k, "the revoked key is refused", func() bool { return errors.Is(k.check(secret), repository.ErrUnknownKey) })
	took := time.Since(began)
	k.Logf("the revoked key was refused after %s", took)
	return took <= 1500*time.Millisecond
}

func TestARevokedKeyIsRefusedThoughAConnectionOfTheMonitorIsSilent(t *testing.T) {
	t.Parallel()
	k := newWatchedKeys(t)
	inTime, believed := 0, 0
	for rounds := 0; rounds < 6 && min(inTime, believed) < 3; rounds++ { // three, and one more for each that a slow machine spoils
		id, secret := k.newKey()
		silent := k.way.Arm(proxy.Fault{Kind: proxy.HoldReply, Match: "pg_walfile_name"})
		eventually(t, "the watch waits for an answer", func() bool { return silent.Held() == 1 })
		if k.revoked(id, secret) {
			inTime++
		}
		both := k.cached() == 2
		for !both && silent.Held() == 1 { // Redis is waited for 75 ms at most
			both = k.cached() == 2
		}
		if both {
			believed++
		}
		silent.Release()
		eventually(t, "the connection is given up", func() bool { return silent.Held() == 0 && k.cached() == 2 })
	}
	if inTime < 3 || believed < 3 {
		t.Errorf("a revoked key was refused within 1s %d times, and both caches believed %d times, though a connection sees; want 3", inTime, believed)
	}
}

func TestNothingOldIsBelievedWhileTheMonitorIsBlind(t *testing.T) {
	t.Parallel()
	k := newWatchedKeys(t)
	_, other := k.newKey()
	for tries := 1; ; tries++ { // a slow machine may spoil one
		id, secret := k.newKey()
		began := time.Now()
		k.way.BlackHole(true)
		inTime := k.revoked(id, secret)
		eventually(t, "no cache is believed any more", func() bool { return k.cached() == 0 })
		took := time.Since(began)
		if inTime && took <= 1500*time.Millisecond+time.Second {
			break
		}
		if tries == 3 {
			t.Fatalf("a revoked key was refused in time: %t; the caches were believed for %s", inTime, took)
		}
		k.way.BlackHole(false)
		eventually(t, "both caches are believed for another try", func() bool { return k.cached() == 2 })
	}
	if err := k.check(other); err != nil {
		t.Errorf("a key that is looked up: %v", err)
	}
	k.gate.Publish(t.Context(), &idempotency.Record{ // what is learned meanwhile is stamped with no timeline, and not kept
		Tenant: idempotency.Tenant{2}, State: idempotency.Completed, ExpiresAt: time.Now().Add(time.Hour), Response: k.record.Response,
	})
	k.lookUps.Refuse()
	k.lookUps.ResetAll()
	eventually(t, "a key that can't be looked up is unavailable", func() bool { return errors.Is(k.check(other), idempotency.ErrUnavailable) })
	if err := k.lookUps.Accept(); err != nil {
		t.Fatal(err)
	}
	k.way.BlackHole(false)
	eventually(t, "both caches are believed again", func() bool { return k.cached() == 2 })
	if entry := k.gate.LookupAndMark(t.Context(), idempotency.Request{Tenant: idempotency.Tenant{2}}); entry.Record != nil {
		t.Error("a record without a timeline is served")
	}
	if err := k.check(other); err != nil {
		t.Errorf("a valid key: %v", err)
	}
}

// Looking a known key up again is no guessing, and what a stranger may not ask for is still refused.
func TestAKnownKeyIsNotCountedAsAGuess(t *testing.T) {
	t.Parallel()
	k := newWatchedKeys(t)
	_, secret := k.newKey()
	at, other := len(secret)-8, "x" // in the middle of the secret
	if secret[at] == 'x' {
		other = "y"
	}
	guess := secret[:at] + other + secret[at+1:]
	k.way.BlackHole(true)
	eventually(t, "the watch is blind", func() bool { return k.watch.Timeline() == 0 })
	limited := errors.New("limited")
	for _, c := range []struct {
		token string
		want  error
	}{{secret, nil}, {guess, limited}} {
		if _, _, err := models.ParseAPIKey(c.token); err != nil {
			continue // a checksum refused the wrong one
		}
		_, err := k.keys.Check(t.Context(), c.token, func() error { return limited })
		if !errors.Is(err, c.want) {
			t.Errorf("got %v, want %v", err, c.want)
		}
	}
}

// Requests of one key share a look-up; they don't hold a connection each.
func TestRequestsOfOneKeyShareItsLookUp(t *testing.T) {
	t.Parallel()
	k := newWatchedKeys(t)
	_, secret := k.newKey()
	k.way.BlackHole(true)
	eventually(t, "the watch is blind", func() bool { return k.watch.Timeline() == 0 })
	before := k.lookUps.Trips()
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if err := k.check(secret); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if trips := k.lookUps.Trips() - before; trips > 10 {
		t.Errorf("50 requests at once cost %d round trips, want 10 at most", trips)
	}
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	wait.Within(t, 20*time.Second, what, ok)
}
