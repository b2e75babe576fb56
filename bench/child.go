package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/payonce/payonce/test/procfs"
)

const (
	childStart = time.Minute // on a machine that does much else
	childStop  = 30 * time.Second
)

// child is a server process. Its log goes to a file in memory where there is one: a pipe would wake this process, which
// measures, for each line of it.
type child struct {
	name    string
	cmd     *exec.Cmd
	log     *os.File
	ended   chan struct{}
	stopped sync.Once
	address string // HOST:PORT
	admin   string
}

var listening = regexp.MustCompile(`(?m)^admin listening on http://(\S+)\nlistening on http://(\S+)$`)

// startChild runs a program and returns when it says that it listens.
func startChild(ctx context.Context, name, folder, program string, args, env []string) (*child, error) {
	log, err := os.CreateTemp(logFolder(folder), "payonce-bench-*.log")
	if err != nil {
		return nil, err
	}
	c := &child{name: name, log: log, ended: make(chan struct{})}
	c.cmd = exec.Command(program, args...) //nolint:noctx // it ends with stop, after whatever else uses it
	c.cmd.Env, c.cmd.Stderr, c.cmd.SysProcAttr = env, log, attributes()
	started := make(chan error)
	go func() { // keeps its thread: Linux sends the death signal when the thread ends that started the child
		runtime.LockOSThread()
		err := c.cmd.Start()
		started <- err
		if err == nil {
			_ = c.cmd.Wait() // the error is ignored: the code that stops the child knows why it ended
		}
		close(c.ended)
	}()
	if err := <-started; err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", name, err), c.forget())
	}
	if err := c.waitUntilListening(ctx); err != nil {
		return nil, errors.Join(err, c.stop())
	}
	return c, nil
}

// logFolder is in memory if possible: writing a log back to the disk would slow the database's commits down.
func logFolder(otherwise string) string {
	const memory = "/dev/shm"
	if probe, err := os.CreateTemp(memory, "payonce-bench-*"); err == nil {
		_ = errors.Join(probe.Close(), os.Remove(probe.Name())) // an empty file in memory; what matters is that it could be made
		return memory
	}
	return otherwise
}

func (c *child) waitUntilListening(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, childStart)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := os.ReadFile(c.log.Name())
		if err != nil {
			return err
		}
		if found := listening.FindSubmatch(text); found != nil {
			c.admin, c.address = string(found[1]), string(found[2])
			return nil
		}
		select {
		case <-tick.C:
		case <-c.ended:
			return fmt.Errorf("%s ended at its start:\n%s", c.name, bytes.TrimSpace(text))
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen: %w\n%s", c.name, ctx.Err(), bytes.TrimSpace(text))
		}
	}
}

// forgetLog empties the log, so that it never fills the memory.
func (c *child) forgetLog() { _ = c.log.Truncate(0) }

// stop ends the process and waits for it; a second call does nothing.
func (c *child) stop() (err error) {
	c.stopped.Do(func() { err = c.end() })
	return err
}

func (c *child) end() error {
	_ = c.thaw()                              // it may be frozen
	_ = c.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case <-c.ended:
	case <-time.After(childStop):
		_ = c.cmd.Process.Kill()
		<-c.ended
	}
	return c.forget()
}

func (c *child) forget() error { return errors.Join(c.log.Close(), os.Remove(c.log.Name())) }

// memory is what the process holds; zero where that is not known.
func (c *child) memory() procfs.Memory { return procfs.MemoryOf(c.cmd.Process.Pid) }

// gauges are a server's figures at one moment, counted from its start.
type gauges struct {
	mallocs, bytes float64            // allocated objects and bytes
	outcomes       map[string]float64 // ends of requests with a key
	redis          map[string]float64 // what Redis failed to do
	cpu            times
}

// add counts another server's figures, but for its processor time.
func (g *gauges) add(other gauges) {
	g.mallocs, g.bytes = g.mallocs+other.mallocs, g.bytes+other.bytes
	for label, n := range other.outcomes {
		g.outcomes[label] += n
	}
	for label, n := range other.redis {
		g.redis[label] += n
	}
}

// read asks the process for its figures.
func (c *child) read(ctx context.Context) (gauges, error) {
	text, err := c.get(ctx, "/metrics")
	if err != nil {
		return gauges{}, err
	}
	g := gauges{outcomes: map[string]float64{}, redis: map[string]float64{}}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			continue
		}
		switch name {
		case "go_memstats_mallocs_total":
			g.mallocs = number
		case "go_memstats_alloc_bytes_total":
			g.bytes = number
		default:
			readLabel(g.outcomes, "payonce_idempotency_outcomes_total", name, number)
			readLabel(g.redis, "payonce_redis_failures_total", name, number)
		}
	}
	return g, nil
}

// readLabel takes a line of a metric that has the one label outcome.
func readLabel(into map[string]float64, metric, line string, value float64) {
	if label, ok := strings.CutPrefix(line, metric+`{outcome="`); ok {
		into[strings.TrimSuffix(label, `"}`)] = value
	}
}

// get reads a page of the admin listener.
func (c *child) get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.admin+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := (&http.Client{Timeout: time.Minute}).Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s%s answers %d", c.name, path, resp.StatusCode)
	}
	return io.ReadAll(resp.Body)
}
