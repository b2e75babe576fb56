//go:build unix

package archive

import (
	"flag"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/payonce/payonce/migrations"
	"github.com/payonce/payonce/test/stores"
)

// rows is how many tombstones the measurement archives: `make archive ROWS=10000000` for the long form.
var rows = flag.Int("rows", 20_000, "tombstones that are archived and measured")

// maxMemory is what the command may take at most, in KiB, however many tombstones there are: of either archiving or verifying.
const maxMemory = 256 << 10

// The memory of the command doesn't grow with the table, and the table's disk space comes back.
func TestTheCommandsMemoryDoesNotGrowWithTheTable(t *testing.T) {
	pg := stores.PrivatePostgres(t) // durable, as in production
	if err := migrations.Up(t.Context(), pg.URL()); err != nil {
		t.Fatal(err)
	}
	w := open(t, pg.URL())
	w.dir = t.TempDir()
	began := time.Now()
	for from := 0; from < *rows; from += 100_000 {
		w.fill(from, min(from+100_000, *rows))
	}
	w.exec(`VACUUM ANALYZE idempotency_keys`)
	full := w.size()
	t.Logf("filled with %d tombstones in %s: table and indexes %d MiB", *rows, time.Since(began).Round(time.Millisecond), full>>20)
	w.measured("archive", "--before", longAgo)
	t.Logf("table and indexes after the deletion: %d MiB", w.size()>>20)
	w.exec(`VACUUM idempotency_keys`)
	vacuumed := w.size()
	t.Logf("after VACUUM: %d MiB", vacuumed>>20)
	w.exec(`REINDEX TABLE idempotency_keys`)
	t.Logf("after REINDEX: %d MiB", w.size()>>20)
	if left := w.number("SELECT count(*) FROM idempotency_keys"); left != 0 || vacuumed*2 > full {
		t.Errorf("%d tombstones are left, and %d bytes of %d", left, vacuumed, full)
	}
	w.measured("verify", "verify")
	w.measured("find", "find", "key-"+itoa(*rows/2))
	var bytes int64
	for _, path := range w.names() {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		bytes += info.Size()
	}
	t.Logf("the archive: %d files, %d bytes, %d per tombstone", len(w.names()), bytes, bytes/int64(*rows))
}

// measured runs a command and holds it to its memory.
func (w *world) measured(what string, arguments ...string) {
	w.Helper()
	command := w.command(arguments...)
	output := &limited{}
	command.Stdout, command.Stderr = output, output
	began := time.Now()
	if err := command.Run(); err != nil {
		w.Fatalf("%s: %v\n%s", what, err, output.text)
	}
	usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		w.Skip("this system doesn't say how much memory a process took")
	}
	w.Logf("%s: %s, processor %s, at most %d MiB of memory: %.200s", what, time.Since(began).Round(time.Millisecond),
		(command.ProcessState.UserTime() + command.ProcessState.SystemTime()).Round(time.Millisecond), usage.Maxrss>>10, output.text)
	if usage.Maxrss > maxMemory { // KiB on Linux, bytes elsewhere, where this doesn't hold
		w.Errorf("%s took %d KiB of memory, want %d at most", what, usage.Maxrss, maxMemory)
	}
}

func (w *world) size() (bytes int64) {
	w.Helper()
	return int64(w.number(`SELECT pg_total_relation_size('idempotency_keys')`))
}

// limited keeps the beginning of what is printed.
type limited struct{ text []byte }

func (l *limited) Write(text []byte) (int, error) {
	if len(l.text) < 4096 {
		l.text = append(l.text, text...)
	}
	return len(text), nil
}
