package postgres

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/payonce/payonce/test/stores"
	"github.com/payonce/payonce/test/textlog"
)

// fakeStore answers looks from its fields; an error while down.
type fakeStore struct {
	mu     sync.Mutex
	offset time.Duration // its clock is so far from ours
	trip   time.Duration // each way
	down   bool
	sees   Reading
	looks  int
}

func (f *fakeStore) look(context.Context) (o Reading, err error) {
	var trip time.Duration
	f.change(func(f *fakeStore) { // not held over the pauses: a bubble's clock stands still while a goroutine waits for a mutex
		f.looks++
		trip = f.trip
	})
	pause(trip)
	f.change(func(f *fakeStore) {
		o = f.sees
		o.Now = time.Now().Add(f.offset)
		if f.down {
			o, err = Reading{}, errors.New("away")
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

func TestAMonitorHasTheStoresClockWhateverThisMachinesIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, _ := textlog.New()
		store := &fakeStore{offset: -time.Hour, trip: 10 * time.Millisecond, sees: Reading{Timeline: 7, Epoch: Epoch{2, 5}, HasEpoch: true}}
		w := NewPrimaryMonitor(store.look, 0, log)
		if err := w.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		pause(200 * time.Millisecond)
		if got, want := w.Now(), time.Now().Add(-time.Hour); !got.Equal(want) {
			t.Errorf("now %v, want %v", got, want)
		}
		knows(t, w, 7, Epoch{2, 5})
		store.change(func(f *fakeStore) {
			f.offset, f.sees = time.Hour, Reading{Timeline: 8, Epoch: Epoch{3, 6}, HasEpoch: true}
		})
		pause(MonitorInterval + 20*time.Millisecond)
		if knows(t, w, 8, Epoch{3, 6}); !w.Now().Equal(time.Now().Add(time.Hour)) {
			t.Error("a promotion is not noticed within the interval:", w.Now())
		}
	})
}

// knows holds what a watch says to what it should.
func knows(t *testing.T, w *PrimaryMonitor, timeline uint32, want Epoch) {
	t.Helper()
	if epoch, known := w.Epoch(); w.Timeline() != timeline || !known || epoch != want {
		t.Errorf("got timeline %d, epoch %v, known: %t; want %d, %v", w.Timeline(), epoch, known, timeline, want)
	}
}

func knowsNothing(t *testing.T, w *PrimaryMonitor) {
	t.Helper()
	if epoch, known := w.Epoch(); w.Timeline() != 0 || known {
		t.Errorf("got timeline %d, epoch %v, known: %t; want nothing to be known", w.Timeline(), epoch, known)
	}
}

func TestAMonitorThatReadsNothingLogsItAndKeepsTheClock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, out := textlog.New()
		store := &fakeStore{offset: time.Minute, sees: Reading{Timeline: 7, HasEpoch: true}}
		w := NewPrimaryMonitor(store.look, time.Second, log)
		if err := w.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		store.change(func(f *fakeStore) { f.down = true })
		pause(3 * time.Second)
		knows(t, w, 7, Epoch{})
		pause(time.Hour)
		if knowsNothing(t, w); !w.Now().Equal(time.Now().Add(time.Minute)) {
			t.Error("lost the clock:", w.Now())
		}
		store.change(func(f *fakeStore) { f.down = false })
		pause(time.Minute)
		knows(t, w, 7, Epoch{})
		if out.Count("can't be watched") != 1 || out.Count("watched again") != 1 || out.Count("away") != 1 {
			t.Error("one line per change of state, the first with its cause, got:", out.String())
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

// The first connection is silent for ever. What another one sees is known within the second that is promised.
func TestAMonitorReadsPastASilentConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, _ := textlog.New()
		store := &fakeStore{sees: Reading{Timeline: 7, HasEpoch: true}}
		var silent atomic.Int64 // looks that hang until they are given up
		w := NewPrimaryMonitor(func(ctx context.Context) (Reading, error) {
			if silent.Add(-1) >= 0 {
				<-ctx.Done()
				return Reading{}, ctx.Err()
			}
			return store.look(ctx)
		}, 0, log)
		if err := w.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		for range 20 {
			silent.Store(1)
			pause(MonitorInterval + time.Millisecond)
			var want Reading
			store.change(func(f *fakeStore) {
				f.sees.Timeline++
				f.sees.Epoch.Revoked++
				want = f.sees
			})
			pause(time.Second)
			knows(t, w, want.Timeline, want.Epoch)
		}
	})
}

// Every connection is silent. What was seen before is believed no longer than the second that is promised.
func TestAMonitorBelievesNothingOld(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, _ := textlog.New()
		store := &fakeStore{sees: Reading{Timeline: 7, HasEpoch: true}}
		var silent atomic.Bool
		w := NewPrimaryMonitor(func(ctx context.Context) (Reading, error) {
			if silent.Load() {
				<-ctx.Done()
				return Reading{}, ctx.Err()
			}
			return store.look(ctx)
		}, 0, log)
		if err := w.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		pause(time.Minute)
		silent.Store(true)
		pause(time.Second)
		knowsNothing(t, w)
	})
}

// An answer that was long on its way tells how it was when it was asked for.
func TestAMonitorCountsFromBeforeItLooked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, _ := textlog.New()
		store := &fakeStore{trip: 450 * time.Millisecond, sees: Reading{Timeline: 7, HasEpoch: true}}
		w := NewPrimaryMonitor(store.look, 0, log)
		if err := w.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		pause(time.Minute)
		knowsNothing(t, w)
	})
}

func TestAMonitorDoesNotStartWithoutItsStore(t *testing.T) {
	t.Parallel()
	log, _ := textlog.New()
	w := NewPrimaryMonitor((&fakeStore{down: true}).look, time.Second, log)
	if err := w.Start(t.Context()); err == nil {
		t.Error("started")
	}
	w.Close()
	if knowsNothing(t, w); time.Since(w.Now()).Abs() > time.Minute {
		t.Error("before the first look:", w.Now())
	}
}

func TestAMonitorReadsClockTimelineAndRevocations(t *testing.T) {
	t.Parallel()
	db, err := Open(stores.Database(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	log, _ := textlog.New()
	const revoked EpochQuery = `SELECT count(revoked_at), coalesce((extract(epoch FROM max(revoked_at)) * 1000000)::bigint, 0) FROM api_keys`
	w := NewPrimaryMonitor(ReadPrimary(db.MonitorPool(), revoked), 0, log)
	if err := w.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if time.Since(w.Now()).Abs() > time.Second {
		t.Errorf("the clock is off by %v", time.Since(w.Now()))
	}
	eventually(t, "the timeline is known, and that no key was revoked", func() bool {
		epoch, known := w.Epoch()
		return w.Timeline() == 1 && known && epoch == Epoch{}
	})
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
	eventually(t, "the revocation is noticed", func() bool {
		epoch, known := w.Epoch()
		return known && epoch == want
	})
}

// Another service has no api_keys.
func TestAMonitorNeedsNoTable(t *testing.T) {
	t.Parallel()
	db, err := Open(stores.EmptyDatabase(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	o, err := ReadPrimary(db.MonitorPool())(t.Context())
	if err != nil || o.Timeline != 1 || o.HasEpoch || time.Since(o.Now).Abs() > time.Minute {
		t.Errorf("got %+v, %v; want a clock and a timeline", o, err)
	}
}

func TestAJumpOfTheStoresClockIsAnAlertAndDriftIsNot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, out := textlog.New()
		store := &fakeStore{trip: 400 * time.Millisecond}
		w := NewPrimaryMonitor(store.look, time.Second, log)
		if err := w.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		for jump, alerts := range map[time.Duration]int{100 * time.Millisecond: 0, -time.Hour: 1, time.Hour: 1} {
			before := out.Count("ALERT")
			store.change(func(f *fakeStore) { f.offset += jump })
			pause(10 * time.Second)
			if got := out.Count("ALERT") - before; got != alerts {
				t.Errorf("a jump by %s: %d alerts, want %d", jump, got, alerts)
			}
		}
	})
}
