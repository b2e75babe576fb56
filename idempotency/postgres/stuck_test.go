package postgres_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/test/proxy"
)

// batchKind is one kind of what a store sends at once.
type batchKind struct {
	says       string // only this batch of it
	statements int    // that it has, BEGIN and COMMIT included
	commits    bool   // its last statement is COMMIT
	given      func(f *fixture, req idempotency.Request) idempotency.Claim
	open       func(f *fixture, req idempotency.Request) (*postgres.Tx, error) // what precedes it
	send       func(ctx context.Context, f *fixture, req idempotency.Request, claim idempotency.Claim, tx *postgres.Tx) error
}

func batchKinds() map[string]batchKind {
	begun := func(f *fixture, req idempotency.Request) (*postgres.Tx, error) {
		tx, _, err := f.store.Begin(context.Background(), req, nil)
		return tx, err
	}
	claimed := func(f *fixture, req idempotency.Request) idempotency.Claim { return f.claimed(req) }
	due := func(f *fixture, req idempotency.Request) idempotency.Claim {
		claim := f.claimed(req)
		f.exec(`UPDATE idempotency_keys SET lease_until = now() - interval '1 second' WHERE key_hash = $1`, req.KeyHash[:])
		return claim
	}
	created := func(*postgres.Tx) (*idempotency.Response, error) { return &idempotency.Response{Status: 201}, nil }
	return map[string]batchKind{
		"begin": {
			says: "look the key up", statements: 4,
			send: func(ctx context.Context, f *fixture, req idempotency.Request, _ idempotency.Claim, _ *postgres.Tx) error {
				tx, _, err := f.store.Begin(ctx, req, func(tx *postgres.Tx) { row(tx, new(int), postgres.WhenMine+` AND 'look the key up' <> ''`) })
				if err == nil {
					f.store.Rollback(tx)
				}
				return err
			},
		},
		"commit of a local effect": {
			says: "INSERT INTO scratch", statements: 3, commits: true, open: begun,
			send: func(_ context.Context, f *fixture, req idempotency.Request, _ idempotency.Claim, tx *postgres.Tx) error {
				f.Write(tx, name(req))
				return f.complete(tx, req)
			},
		},
		"a local effect sent whole": {
			says: "INSERT INTO scratch", statements: 4, commits: true,
			open: func(f *fixture, req idempotency.Request) (*postgres.Tx, error) { return f.store.Open(req), nil },
			send: func(_ context.Context, f *fixture, req idempotency.Request, _ idempotency.Claim, tx *postgres.Tx) error {
				f.Write(tx, name(req))
				return f.complete(tx, req)
			},
		},
		"commit of a claim": {
			says: "INSERT INTO scratch", statements: 3, commits: true, open: begun,
			send: func(ctx context.Context, f *fixture, req idempotency.Request, _ idempotency.Claim, tx *postgres.Tx) error {
				f.Write(tx, name(req))
				return f.store.Claim(ctx, tx, &idempotency.Record{
					Tenant: req.Tenant, KeyHash: req.KeyHash, Method: req.Method, Path: req.Path, ClaimID: idempotency.NewClaimID(), Fence: 1,
					Operation: "authorize",
				})
			},
		},
		"completion of a claim": {
			says: "INSERT INTO scratch", statements: 4, commits: true, given: claimed,
			send: func(ctx context.Context, f *fixture, req idempotency.Request, claim idempotency.Claim, _ *postgres.Tx) error {
				_, err := f.store.Complete(ctx, claim, func(tx *postgres.Tx) (*idempotency.Response, error) {
					f.Write(tx, name(req))
					return created(tx)
				})
				return err
			},
		},
		"taking a claim back": {
			says: "DELETE FROM idempotency_keys", statements: 4, commits: true, given: claimed,
			send: func(ctx context.Context, f *fixture, _ idempotency.Request, claim idempotency.Claim, _ *postgres.Tx) error {
				return f.store.Release(ctx, claim, func(*postgres.Tx) {})
			},
		},
		"resolving": {
			says: "pg_advisory_xact_lock(", statements: 5,
			send: func(ctx context.Context, f *fixture, req idempotency.Request, _ idempotency.Claim, _ *postgres.Tx) error {
				_, err := f.store.Resolve(ctx, req.Tenant, req.KeyHash)
				return err
			},
		},
		"inspecting": {
			says: "key_hash = $2 FOR UPDATE", statements: 4, given: claimed,
			send: func(ctx context.Context, f *fixture, req idempotency.Request, _ idempotency.Claim, _ *postgres.Tx) error {
				_, err := f.store.Inspect(ctx, req.Tenant, req.KeyHash)
				return err
			},
		},
		"taking over": {
			says: "fence = k.fence + 1", statements: 1, given: due,
			send: func(ctx context.Context, f *fixture, req idempotency.Request, _ idempotency.Claim, _ *postgres.Tx) error {
				_, err := f.store.TakeOver(ctx, req.Tenant, req.KeyHash)
				return err
			},
		},
		"the end of an operation": {
			says: "INSERT INTO scratch", statements: 4, commits: true,
			send: func(ctx context.Context, f *fixture, req idempotency.Request, _ idempotency.Claim, _ *postgres.Tx) error {
				return f.db.Apply(ctx, time.Now(), func(tx *postgres.Tx) error { f.Write(tx, name(req)); return nil })
			},
		},
		"cleanup": {
			says: "SET state = 'expired'", statements: 1,
			given: func(f *fixture, req idempotency.Request) idempotency.Claim {
				f.completed(req)
				return idempotency.Claim{}
			},
			send: func(ctx context.Context, f *fixture, _ idempotency.Request, _ idempotency.Claim, _ *postgres.Tx) error {
				_, err := f.store.Expire(ctx, 1)
				return err
			},
		},
	}
}

// A part of a batch is delivered, the rest never comes, and the connection stays open though its process gave up. Nothing
// of it happens, unless COMMIT was in that part; and its locks are gone within seconds.
func TestAHalfSentBatchIsEndedWithNothingDone(t *testing.T) {
	t.Parallel()
	f := openFixture(t, postgres.Options{MaxConns: 64})
	stuck := postgres.NewStuckSessions(f.db, slog.New(slog.DiscardHandler))
	var cuts []*strandedBatch
	for kind, b := range batchKinds() {
		for statements := range b.statements + 1 {
			cuts = append(cuts, &strandedBatch{batchKind: b, kind: kind, delivered: statements, req: key(byte(len(cuts) + 1))})
		}
	}
	var group sync.WaitGroup
	for _, c := range cuts {
		c.prepare(f)
	}
	for _, c := range cuts {
		c.before = c.traces(f)
	}
	for _, c := range cuts {
		group.Go(func() { c.strand() })
	}
	group.Wait()
	for _, c := range cuts {
		if c.err == nil || c.armed.Hits() != 1 {
			t.Errorf("%s: got %v and %d hits, want an error and 1", c, c.err, c.armed.Hits())
		}
	}
	var waits int
	f.scan(&waits, sqlWaiting)
	began, ended := time.Now(), 0
	for waits > 0 && time.Since(began) < 25*time.Second {
		n, err := stuck.End(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ended += n
		<-time.After(200 * time.Millisecond)
		f.scan(&waits, sqlWaiting)
	}
	if took := time.Since(began); took > 15*time.Second || ended < 20 {
		t.Errorf("%d sessions were ended within %s, want at least 20 within 15s", ended, took)
	}
	for _, c := range cuts {
		c.judge(f)
	}
}

// The second half of a batch comes late, and within the time that a batch has.
func TestABatchThatIsLateIsNotEnded(t *testing.T) {
	t.Parallel()
	f := openFixture(t, postgres.Options{})
	stuck := postgres.NewStuckSessions(f.db, slog.New(slog.DiscardHandler))
	c := &strandedBatch{batchKind: batchKinds()["a local effect sent whole"], kind: "late", req: key(1)}
	c.prepare(f)
	held, done := c.way.Arm(proxy.Fault{Kind: proxy.HoldCommit, Match: c.says}), make(chan error, 1)
	go func() { done <- c.sends(c.req, func() {}) }()
	looks := 0
	f.eventually(func() bool {
		if held.Held() == 1 {
			looks++
			if ended, err := stuck.End(t.Context()); ended != 0 || err != nil {
				t.Errorf("ended %d sessions, %v", ended, err)
			}
		}
		return looks == 5
	})
	held.Release()
	if err := <-done; err != nil || !f.Written(name(c.req)) {
		t.Errorf("got %v, want a commit", err)
	}
}

// sqlWaiting counts the sessions that hold something in the middle of a batch.
const sqlWaiting = `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'
	AND wait_event = 'ClientRead' AND xact_start IS NOT NULL`

// strandedBatch is one batch of which a part is delivered.
type strandedBatch struct {
	batchKind
	kind      string
	delivered int
	req       idempotency.Request
	claim     idempotency.Claim
	way       *proxy.Postgres
	own       *fixture // through a proxy of its own
	armed     *proxy.Armed
	before    string
	err       error // of the batch
}

func (c *strandedBatch) String() string {
	return fmt.Sprintf("%s, %d of %d statements delivered", c.kind, c.delivered, c.statements)
}

// prepare sends the same batch with another key, so that its statements are prepared, and all that precedes the batch.
func (c *strandedBatch) prepare(f *fixture) {
	f.Helper()
	way, err := proxy.NewPostgres(context.Background(), f.url)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(way.Close)
	db, err := postgres.Open(way.URL(), postgres.Options{MaxConns: 1})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = db.Close() })
	c.own = &fixture{T: f.T, url: way.URL(), db: db}
	c.own.store = postgres.NewStore(db, primary{}, postgres.StoreOptions{Lease: time.Minute, Replay: time.Hour})
	warm := c.req
	warm.KeyHash[1] = 1
	c.way = way
	for n, req := range []idempotency.Request{warm, c.req} {
		if c.given != nil {
			c.claim = c.given(f, req)
		}
		if c.kind == "cleanup" {
			f.exec(`ALTER TABLE idempotency_keys DISABLE TRIGGER USER`)
			f.exec(`UPDATE idempotency_keys SET expires_at = now() - interval '1 second' WHERE key_hash = $1`, req.KeyHash[:])
			f.exec(`ALTER TABLE idempotency_keys ENABLE TRIGGER USER`)
		}
		if n == 0 {
			if err := c.sends(req, func() {}); err != nil {
				f.Fatalf("%s: %v", c, err)
			}
		}
	}
}

// strand delivers a part of the batch.
func (c *strandedBatch) strand() {
	c.err = c.sends(c.req, func() {
		c.armed = c.way.Arm(proxy.Fault{Kind: proxy.Strand, Match: c.says, Statements: c.delivered, Bytes: 7})
	})
}

func (c *strandedBatch) sends(req idempotency.Request, arm func()) (err error) {
	var tx *postgres.Tx
	if c.open != nil {
		if tx, err = c.open(c.own, req); err != nil {
			return err
		}
	}
	arm()
	return c.send(context.Background(), c.own, req, c.claim, tx)
}

// name is the effect's.
func name(req idempotency.Request) string { return fmt.Sprintf("effect %x", req.KeyHash[:2]) }

// traces is what stands of the key and its effect.
func (c *strandedBatch) traces(f *fixture) (text string) {
	f.Helper()
	f.scan(&text, `SELECT coalesce((SELECT state || fence || claim_id FROM idempotency_keys WHERE key_hash = $1), 'no record') || ', ' ||
		(SELECT count(*) FROM scratch WHERE name = $2)`, c.req.KeyHash[:], name(c.req))
	return text
}

func (c *strandedBatch) judge(f *fixture) {
	f.Helper()
	after := c.traces(f)
	committed := c.commits && c.delivered == c.statements
	if changed := after != c.before; changed != committed {
		f.Errorf("%s: got %q, before it was %q, want a change: %t", c, after, c.before, committed)
	}
	if rec, err := f.store.Inspect(f.Context(), c.req.Tenant, c.req.KeyHash); err != nil {
		f.Errorf("%s: got %+v, %v; want the record's lock", c, rec, err)
	}
	if rec, err := f.store.Resolve(f.Context(), c.req.Tenant, c.req.KeyHash); err != nil {
		f.Errorf("%s: got %+v, %v; want the key's lock", c, rec, err)
	}
}
