package repository

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/payonce/payonce/test/stores"
)

// syncBuffer collects log lines of several goroutines.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) count(text string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Count(b.buf.String(), text)
}

func textLog() (*slog.Logger, *syncBuffer) {
	out := &syncBuffer{}
	return slog.New(slog.NewTextHandler(out, &slog.HandlerOptions{Level: slog.LevelDebug})), out
}

// fakeStore answers looks from its fields; an error while down.
type fakeStore struct {
	mu     sync.Mutex
	offset time.Duration // its clock is so far from ours
	trip   time.Duration // each way
	down   bool
	sees   Observation
	looks  int
}

func (f *fakeStore) look(context.Context) (o Observation, err error) {
	var trip time.Duration
	f.change(func(f *fakeStore) { // not held over the pauses: a bubble's clock stands still while somebody waits for a mutex
		f.looks++
		trip = f.trip
	})
	pause(trip)
	f.change(func(f *fakeStore) {
		o = f.sees
		o.Now = time.Now().Add(f.offset)
		if f.down {
			o, err = Observation{}, errors.New("away")
		}
	})
	pause(trip)
	return o, err
}

func (f *fakeStore) change(do func(*fakeStore)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do(f)
}

// pause moves a bubble's clock.
func pause(d time.Duration) { <-time.After(d) }

func TestAWatchTellsTheStoresClockWhateverThisMachineThinks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, _ := textLog()
		store := &fakeStore{offset: -time.Hour, trip: 10 * time.Millisecond, sees: Observation{Timeline: 7, Epoch: Epoch{2, 5}}}
		w := NewWatch(store.look, 0, log)
		if err := w.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		pause(200 * time.Millisecond)
		if got, want := w.Now(), time.Now().Add(-time.Hour); !got.Equal(want) {
			t.Errorf("now %v, want %v", got, want)
		}
		if w.Timeline() != 7 || w.Epoch() != (Epoch{2, 5}) {
			t.Error(w.Timeline(), w.Epoch())
		}
		store.change(func(f *fakeStore) { f.offset, f.sees = time.Hour, Observation{Timeline: 8, Epoch: Epoch{3, 6}} })
		pause(DefaultWatchInterval)
		if w.Timeline() != 8 || w.Epoch() != (Epoch{3, 6}) || !w.Now().Equal(time.Now().Add(time.Hour)) {
			t.Error("a promotion is not noticed within the interval:", w.Timeline(), w.Epoch(), w.Now())
		}
	})
}

func TestAWatchGoesOnWithItsLastValuesWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, out := textLog()
		store := &fakeStore{offset: time.Minute, sees: Observation{Timeline: 7}}
		w := NewWatch(store.look, time.Second, log)
		if err := w.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		store.change(func(f *fakeStore) { f.down = true })
		pause(time.Hour)
		if !w.Now().Equal(time.Now().Add(time.Minute)) || w.Timeline() != 7 {
			t.Error("lost its values:", w.Now(), w.Timeline())
		}
		store.change(func(f *fakeStore) { f.down = false })
		pause(time.Minute)
		if out.count("can't be watched") != 1 || out.count("watched again") != 1 {
			t.Error("one line per change of state, got:", out.buf.String())
		}
		w.Close()
		w.Close()
		before := store.looks
		pause(time.Minute)
		if store.looks != before {
			t.Error("looks after Close")
		}
	})
}

func TestAWatchDoesNotStartWithoutItsStore(t *testing.T) {
	t.Parallel()
	log, _ := textLog()
	w := NewWatch((&fakeStore{down: true}).look, time.Second, log)
	if err := w.Start(t.Context()); err == nil {
		t.Error("started")
	}
	w.Close()
	if w.Timeline() != 0 || w.Epoch() != (Epoch{}) || time.Since(w.Now()).Abs() > time.Minute {
		t.Error("before the first look:", w.Timeline(), w.Epoch(), w.Now())
	}
}

func TestAWatchOfPostgresSeesItsClockTimelineAndRevocations(t *testing.T) {
	t.Parallel()
	db, err := Open(stores.Database(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	log, _ := textLog()
	w := NewWatch(LookAtPostgres(db.SQL()), 10*time.Millisecond, log)
	if err := w.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if w.Timeline() != 1 || time.Since(w.Now()).Abs() > time.Second || w.Epoch() != (Epoch{}) {
		t.Errorf("timeline %d, clock off by %v, epoch %v", w.Timeline(), time.Since(w.Now()), w.Epoch())
	}
	for _, statement := range []string{
		`INSERT INTO merchants (id, name) VALUES ('00000000-0000-4000-8000-000000000001', 'Ada')`,
		`INSERT INTO api_keys (id, merchant_id, secret_hash, revoked_at)
		 VALUES ('0123456789abcdef', '00000000-0000-4000-8000-000000000001', decode(repeat('00', 32), 'hex'), NULL)`,
	} {
		if _, err := db.SQL().ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := db.SQL().ExecContext(t.Context(), `UPDATE api_keys SET revoked_at = '2026-01-02 03:04:05.000006Z'`); err != nil {
		t.Fatal(err)
	}
	want := Epoch{Revoked: 1, Last: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC).UnixMicro()}
	eventually(t, "the revocation is noticed", func() bool { return w.Epoch() == want })
}

func TestAJumpOfTheStoresClockIsAnAlertAndDriftIsNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, out := textLog()
		store := &fakeStore{trip: 400 * time.Millisecond}
		w := NewWatch(store.look, time.Second, log)
		if err := w.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		for jump, alerts := range map[time.Duration]int{100 * time.Millisecond: 0, -time.Hour: 1, time.Hour: 1} {
			before := out.count("ALERT")
			store.change(func(f *fakeStore) { f.offset += jump })
			pause(10 * time.Second)
			if got := out.count("ALERT") - before; got != alerts {
				t.Errorf("a jump by %s: %d alerts, want %d", jump, got, alerts)
			}
		}
	})
}
