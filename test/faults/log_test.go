package faults

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/test/service"
)

// The process's log is not read: its pipe is full, and so is its queue. No request waits for that, or is lost.
func TestF26ALogThatIsNotRead(t *testing.T) {
	t.Parallel()
	w := open(t, options{env: unhurried()})
	unblock := w.harmed.BlockLog()
	// More than the pipe's 64 KiB and the 4096 lines that wait: each of these requests logs one at least.
	const flood = 6000
	began := time.Now()
	for range flood {
		if resp := w.client.Get("/healthz"); resp.Status != http.StatusOK {
			t.Fatalf("with its log blocked it answers %s", resp)
		}
	}
	all := w.holdEverywhere()
	w.release()
	w.collect(all)
	if took := time.Since(began); took > slack {
		t.Errorf("it took %s", took)
	}
	unblock()
	service.Until(t, "the log is read again, and lines are missing", func() bool {
		lines := strings.Count(w.harmed.Log(), `"/healthz"`)
		return lines > 1000 && lines < flood
	})
	if w.harmed.Metric("payonce_log_lines_dropped_total") == 0 {
		t.Error("the metrics don't count the lines that are missing")
	}
	w.judge("F26", all, func(*held) class { return answered })
}

// The disk of the log is full: every write fails.
func TestF26ALogWhoseDiskIsFull(t *testing.T) {
	t.Parallel()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("/dev/full: ", err) // macOS has none
	}
	defer func() { _ = full.Close() }()
	w := open(t, options{})
	address := freeAddress(t)
	command := exec.CommandContext(t.Context(), service.Binary(t, service.Failpoints()...))
	command.Env, command.Dir, command.Stderr = append(w.harmed.Environment(), "ADDR="+address), t.TempDir(), full
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	}()
	c := w.other.Via("http://" + address)
	service.Until(t, "it listens", func() bool { return c.Get("/readyz").Status == http.StatusOK })
	key, order := newKey(), w.other.CreateOrder()
	first := c.Pay(order, "pm_card_visa", key)
	service.Wants(t, "with a full log disk", first, http.StatusCreated, "")
	again := w.pay(order, "pm_card_visa", key)
	if !again.Replayed() || !again.Same(first) {
		t.Errorf("first %s\nretry %s", first, again)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}
