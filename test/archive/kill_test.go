//go:build unix

package archive

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/payonce/payonce/internal/archive"
	"github.com/payonce/payonce/test/service"
)

// steps are all of them, and a time at which each is reached in the test: a file's first and its second time, say.
func steps() []archive.Step {
	return []archive.Step{
		archive.StepOpened, archive.StepCreated, archive.StepTaken, archive.StepWritten, archive.StepSynced, archive.StepKept,
		archive.StepClosed, archive.StepCopied, archive.StepNamed, archive.StepSealed,
	}
}

// killed runs a process that kills itself at a step, or with no step until nothing is left.
func (w *world) killed(kind string, step archive.Step, nth int) {
	w.Helper()
	command := exec.Command(os.Args[0]) //nolint:noctx // ends by itself
	command.Env = []string{
		killedURL + "=" + w.url, killedDir + "=" + w.dir, killedAt + "=" + string(step), killedNth + "=" + itoa(nth), killedOf + "=" + kind,
		"PATH=" + os.Getenv("PATH"), "HOME=" + w.TempDir(),
	}
	output, err := command.CombinedOutput()
	if dead := err != nil && strings.Contains(err.Error(), "killed"); dead != (step != "") || err != nil && !dead {
		w.Fatalf("killed at %q: %v\n%s", step, err, output)
	}
}

// ended waits until the server has noticed that the process is gone: a transaction of it may still be on its way.
func (w *world) ended() {
	w.Helper()
	service.Until(w, "no transaction is open", func() bool {
		return w.number(`SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
			AND backend_type = 'client backend' AND state <> 'idle'`) == 0
	})
}

func TestAProcessThatIsKilledAtAnyStepLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	const keys = 6*smallBatch + 7
	for _, step := range steps() {
		t.Run(string(step), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, keys)
			for nth := 1; nth <= 2; nth++ {
				w.killed("tombstones", step, nth)
				w.whole(fmt.Sprintf("killed at %s, time %d, at once", step, nth), keys)
				w.ended()
				w.whole(fmt.Sprintf("killed at %s, time %d", step, nth), keys)
			}
			w.killed("tombstones", "", 0)
			w.archived("run again", keys)
		})
	}
}

// Three processes archive to one folder, and each is killed at any moment, again and again.
func TestManyProcessesThatAreKilledAtRandomLoseAndDoubleNothing(t *testing.T) {
	t.Parallel()
	const keys, processes, rounds = 40_000, 3, 5
	w := newWorld(t, keys)
	service.Binary(t) // built before the first one starts
	var group sync.WaitGroup
	var kills atomic.Int64
	for range processes {
		group.Go(func() {
			for range rounds {
				if w.killedAtRandom() {
					kills.Add(1)
				}
			}
		})
	}
	group.Wait()
	w.ended()
	w.whole("after the kills", keys)
	before := keys - w.number("SELECT count(*) FROM idempotency_keys")
	if t.Logf("%d processes were killed; %d of %d were archived by then", kills.Load(), before, keys); kills.Load() < processes || before == 0 {
		t.Errorf("%d kills, %d archived before the last run: nothing was tried", kills.Load(), before)
	}
	w.must("--before", longAgo)
	w.archived("run again", keys)
}

// killedAtRandom runs the command, and kills it some milliseconds after any process has archived something. It reports whether
// there was something to kill: it may have ended.
func (w *world) killedAtRandom() bool {
	archived := func() int { return w.number("SELECT coalesce(sum(records), 0) FROM archive_files") }
	begun := archived()
	command := w.command("--before", longAgo)
	if err := command.Start(); err != nil {
		w.Error(err)
		return false
	}
	over := make(chan struct{})
	go func() {
		_ = command.Wait() // how it ended is in ProcessState
		close(over)
	}()
	for ended := false; !ended && archived() == begun; {
		select {
		case <-over:
			ended = true
		case <-time.After(3 * time.Millisecond):
		}
	}
	select {
	case <-over:
	case <-time.After(rand.N(60 * time.Millisecond)):
	}
	_ = command.Process.Kill() // it may have ended
	<-over
	return command.ProcessState.ExitCode() == -1
}

func TestACopyOfEventsThatIsKilledAtAnyStepMissesAndDoublesNone(t *testing.T) {
	t.Parallel()
	const each, merchants = 2*smallBatch + 3, 2
	for _, step := range steps() {
		if step == archive.StepTaken {
			continue // events are not deleted
		}
		t.Run(string(step), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 0)
			w.exec(`INSERT INTO merchants (id, name) SELECT md5(i::text)::uuid, 'Shop ' || i FROM generate_series(1, $1::int) i`, merchants)
			w.exec(`INSERT INTO events (merchant_id, id, type, resource_type, resource_id, resource_version, data)
				SELECT md5((1 + i % $1::int)::text)::uuid, gen_random_uuid(), 'order.created', 'order', gen_random_uuid(), 1, '{}'
				FROM generate_series(1, $2::int) i`, merchants, each*merchants)
			w.shown()
			for nth := 1; nth <= 2; nth++ {
				w.killed("events", step, nth)
				w.ended()
			}
			w.killed("events", "", 0)
			w.eventsOnce()
		})
	}
}

// shown waits until readers are shown all events: they are not beside a transaction that runs, of any database of the server.
func (w *world) shown() {
	w.Helper()
	service.Until(w, "all transactions before have ended", func() bool {
		return w.number("SELECT count(*) FROM events WHERE xact >= pg_snapshot_xmin(pg_current_snapshot())::text::bigint") == 0
	})
}

// eventsOnce fails unless each event is in the archive once, and in the table.
func (w *world) eventsOnce() {
	w.Helper()
	times := map[string]int{}
	for _, path := range w.names() {
		info, err := os.Stat(path)
		if err != nil {
			w.Fatal(err)
		}
		for _, line := range w.lines(filepath.Base(path), info.Size()) {
			times[field(w, line, "id")]++
		}
	}
	for id, n := range times {
		if n != 1 {
			w.Errorf("%s is there %d times", id, n)
		}
	}
	if kept := w.number("SELECT count(*) FROM events"); kept == 0 || len(times) != kept {
		w.Errorf("got %d events in the archive, want the %d of the table", len(times), kept)
	}
	w.must("verify", "--database")
}
