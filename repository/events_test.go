package repository_test

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
	"github.com/payonce/payonce/test/stores"
	"github.com/payonce/payonce/test/wait"
)

// eventLog is the log of one merchant, and the hands to write to it in transactions that end when a test says so.
type eventLog struct {
	*testing.T
	db       *sql.DB
	events   *repository.Events
	merchant uuid.UUID
}

var all repository.EventFilter

func newEventLog(t *testing.T) *eventLog {
	t.Helper()
	db, err := postgres.Open(stores.Database(t), postgres.Options{MaxConns: 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return &eventLog{t, db.SQL(), repository.NewEvents(db), models.NewID()}
}

func (l *eventLog) begin() *sql.Tx {
	l.Helper()
	tx, err := l.db.BeginTx(context.Background(), nil)
	if err != nil {
		l.Fatal(err)
	}
	return tx
}

// write adds an event to a transaction; its id is older than those of all events that are written later.
func (l *eventLog) write(tx *sql.Tx, kind string) (id uuid.UUID) {
	l.Helper()
	id = models.NewID()
	_, err := tx.ExecContext(context.Background(), `INSERT INTO events (merchant_id, id, type, resource_type, resource_id, resource_version, data)
		VALUES ($1, $2, $3, 'payment', $2, 1, '{}')`, l.merchant, id, kind)
	if err != nil {
		l.Fatal(err)
	}
	return id
}

func (l *eventLog) commit(tx *sql.Tx) {
	l.Helper()
	if err := tx.Commit(); err != nil {
		l.Fatal(err)
	}
}

// one writes an event in a transaction of its own.
func (l *eventLog) one(kind string) uuid.UUID {
	l.Helper()
	tx := l.begin()
	id := l.write(tx, kind)
	l.commit(tx)
	return id
}

// after reads a page of up to 3.
func (l *eventLog) after(position *models.EventPosition, filter repository.EventFilter) (ids []uuid.UUID) {
	l.Helper()
	rows, next, err := l.events.After(context.Background(), l.merchant, filter, repository.EventsAfter{Position: *position, Limit: 3})
	if err != nil {
		l.Fatal(err)
	}
	*position = next
	for _, row := range rows {
		ids = append(ids, row.ID)
	}
	return ids
}

// want waits for these events: transactions of other tests on this server hold them back for a moment. No others may come.
func (l *eventLog) want(position *models.EventPosition, filter repository.EventFilter, want ...uuid.UUID) {
	l.Helper()
	var got []uuid.UUID
	deadline := time.Now().Add(time.Minute)
	for len(got) < len(want) && time.Now().Before(deadline) {
		got = append(got, l.after(position, filter)...)
	}
	got = append(got, l.after(position, filter)...)
	if diff := cmp.Diff(want, got); diff != "" {
		l.Errorf("the events are not those expected (-want +got):\n%s", diff)
	}
}

func TestEventsOfATransactionThatCommitsLateAreNotSkipped(t *testing.T) {
	t.Parallel()
	l := newEventLog(t)
	var at models.EventPosition
	slow := l.begin()
	early := l.write(slow, "payment.created")
	late := l.one("payment.succeeded")
	l.want(&at, all) // the late one is committed, and passing it would skip the early one
	l.commit(slow)
	l.want(&at, all, early, late)
	l.want(&at, all)
	next := l.one("payment.refunded")
	l.want(&at, all, next)
}

func TestEventsOfATransactionThatIsRolledBackHoldNothingBack(t *testing.T) {
	t.Parallel()
	l := newEventLog(t)
	var at models.EventPosition
	doomed := l.begin()
	l.write(doomed, "payment.created")
	kept := l.one("payment.succeeded")
	l.want(&at, all)
	if err := doomed.Rollback(); err != nil {
		t.Fatal(err)
	}
	l.want(&at, all, kept)
}

// A dump that is loaded into another server meets transactions with smaller numbers than those in its rows.
func TestEventsGoOnBehindTheOldOnesInAnotherServer(t *testing.T) {
	t.Parallel()
	l := newEventLog(t)
	exec := func(statement string) {
		t.Helper()
		if _, err := l.db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	key, err := l.events.OpenLog(t.Context())
	if err != nil || key == uuid.Nil {
		t.Fatal(key, err)
	}
	exec(`ALTER TABLE events ALTER xact SET DEFAULT 900000000000000`) // the other server had come that far
	exec(`UPDATE event_logs SET server = 1`)
	old := l.one("payment.created")
	var at models.EventPosition
	exec(`ALTER TABLE events ALTER xact SET DEFAULT pg_current_xact_id()::text::bigint`)
	for range 2 { // a second replica, or a second start, begins no epoch again
		if again, err := l.events.OpenLog(t.Context()); err != nil || again != key {
			t.Fatalf("the log is opened with the key %s, %v; want %s", again, err, key)
		}
	}
	fresh := l.one("payment.succeeded")
	l.want(&at, all, old, fresh)
	l.want(&at, all)
	if at.Epoch>>32 != 1 {
		t.Errorf("the log is in epoch %d after one move", at.Epoch>>32)
	}
}

func TestAFilteredReaderGoesOnBehindWhatItHasLookedAt(t *testing.T) {
	t.Parallel()
	l := newEventLog(t)
	for range 5 {
		l.one("order.created")
	}
	first := l.one("payment.created")
	last := l.one("order.created")
	var at models.EventPosition
	payments := repository.EventFilter{Types: []string{"payment.*"}}
	l.want(&at, payments, first)
	wait.Within(t, time.Minute, "it goes on behind the last event of all", func() bool {
		return len(l.after(&at, payments)) == 0 && at.ID == last
	})
	l.one("payment.succeeded")
	second := l.one("payment.succeeded")
	l.want(&at, repository.EventFilter{Types: []string{"payment.succeeded", "refund.*"}, ResourceID: &second}, second)
}

// Writers hold their transactions open for a while, and end them in any order, some without a commit.
func TestAPollerSeesEveryEventOnceWhateverTheOrderOfCommits(t *testing.T) {
	t.Parallel()
	l := newEventLog(t)
	var mu sync.Mutex
	var committed []uuid.UUID
	var writers sync.WaitGroup
	for range 8 {
		writers.Go(func() {
			for range 25 {
				open := [2]*sql.Tx{l.begin(), l.begin()}
				ids := [2][]uuid.UUID{{l.write(open[0], "a.b")}, {l.write(open[1], "a.b"), l.write(open[1], "a.c")}}
				for _, i := range rand.Perm(2) {
					if rand.N(5) == 0 {
						_ = open[i].Rollback()
						continue
					}
					l.commit(open[i])
					mu.Lock()
					committed = append(committed, ids[i]...)
					mu.Unlock()
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { writers.Wait(); close(done) }()
	var seen []uuid.UUID
	var at models.EventPosition
	for over := false; !over; {
		select {
		case <-done:
			over = true
		default:
		}
		for page := l.after(&at, repository.EventFilter{}); len(page) > 0; page = l.after(&at, repository.EventFilter{}) {
			seen = append(seen, page...)
		}
	}
	deadline := time.Now().Add(time.Minute) // other tests' transactions on this server may still run
	for len(seen) < len(committed) && time.Now().Before(deadline) {
		seen = append(seen, l.after(&at, repository.EventFilter{})...)
	}
	order := func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) }
	slices.SortFunc(seen, order)
	slices.SortFunc(committed, order)
	if diff := cmp.Diff(committed, seen); diff != "" {
		t.Errorf("skipped (-) or seen without a commit or twice (+):\n%s", diff)
	}
}
