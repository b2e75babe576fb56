package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/payonce/payonce/internal/logging"
	"github.com/payonce/payonce/internal/sleep"
)

const (
	// readyPause is the time between two questions whether the server answers.
	readyPause = 10 * time.Millisecond
	// startLimit bounds a start, which may have to recover from the log.
	startLimit = 2 * time.Minute
	// patience bounds a wait for something that a crash left behind.
	patience = 15 * time.Second
)

// launch runs the server until it answers.
func (p *Postgres) launch(ctx context.Context) error {
	crashed, err := p.clearLeftover(ctx)
	if err != nil {
		return err
	}
	deadline := time.Now().Add(patience)
	for {
		err := p.launchOnce(ctx)
		if err == nil || !errors.Is(err, errEarlyEnd) {
			return err
		}
		// When the old server was killed alone, its sessions hold its memory
		// until they notice, and the new one refuses to start beside them.
		if !crashed || time.Now().After(deadline) {
			return err
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

var errEarlyEnd = errors.New("the server ended before it was ready")

func (p *Postgres) launchOnce(ctx context.Context) error {
	logPath := filepath.Join(p.cfg.Dir, logName)
	out, err := openLog(logPath, p.as)
	if err != nil {
		return err
	}
	defer out.Close() // the server has its own handle
	cmd := p.bin.command("postgres", p.serverArgs()...)
	cmd.Stdout, cmd.Stderr = out, out
	done, err := p.passFolder(cmd, p.cluster)
	if err != nil {
		return err
	}
	defer done()
	// SIGQUIT on our death: it ends at once and leaves no sessions behind; the
	// next start recovers from the log.
	if p.child, err = startChild(cmd, p.as, syscall.SIGQUIT); err != nil {
		return err
	}
	if err := p.waitReady(ctx); err != nil {
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		stopped := p.child.stop(stopCtx, syscall.SIGQUIT, syscall.SIGKILL)
		return errors.Join(fmt.Errorf("%w (its log is %s)", because(tail(logPath), err), logPath), stopped)
	}
	return nil
}

// waitReady asks until the database answers, and makes it the first time.
func (p *Postgres) waitReady(ctx context.Context) error {
	done := logging.Waiting(ctx, p.log, "PostgreSQL to be ready: after a crash it recovers from its log first",
		"data", p.cluster, "log", filepath.Join(p.cfg.Dir, logName))
	defer done()
	last := errors.New("it was not asked")
	for began := time.Now(); ; {
		conn, err := pgconn.Connect(ctx, p.URL())
		switch {
		case err == nil:
			return conn.Close(ctx)
		case sqlState(err) == "3D000": // it is up, and has no such database yet
			return p.createDatabase(ctx)
		}
		if ctx.Err() == nil {
			last = err
		}
		select {
		case <-p.child.done:
			return fmt.Errorf("%w (%w)", errEarlyEnd, p.child.how())
		case <-ctx.Done():
			return fmt.Errorf("the server did not answer in time: %w (%w)", context.Cause(ctx), last)
		case <-time.After(readyPause + time.Since(began)/20): // it logs each question
		}
	}
}

func (p *Postgres) createDatabase(ctx context.Context) error {
	conn, err := pgconn.Connect(ctx, p.DatabaseURL("postgres"))
	if err != nil {
		return fmt.Errorf("make database %s: %w", databaseName, err)
	}
	_, err = conn.Exec(ctx, "CREATE DATABASE "+databaseName).ReadAll()
	if err := errors.Join(err, conn.Close(ctx)); err != nil {
		return fmt.Errorf("make database %s: %w", databaseName, err)
	}
	return nil
}

func sqlState(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code
	}
	return ""
}

// clearLeftover deals with what a crash left in the cluster's folder, and says
// whether there was anything. We hold the folder's lock, so a server that still
// runs here is an orphan: one that is shutting down, because it gets SIGQUIT
// when its parent dies, or one that lost its watcher.
func (p *Postgres) clearLeftover(ctx context.Context) (crashed bool, err error) {
	path := filepath.Join(p.cluster, "postmaster.pid")
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for a server that still runs: %w", err)
	}
	first, rest, _ := strings.Cut(string(text), "\n")
	pid, _ := strconv.Atoi(strings.TrimSpace(first)) // a torn file is a dead server's
	if !processAlive(pid) {
		return true, nil // PostgreSQL clears a dead server's file away itself
	}
	if worksIn(pid, p.cluster) {
		return true, p.endOrphan(ctx, pid)
	}
	// The number belongs to another program now, as it often does after a
	// container's restart, and PostgreSQL would refuse to start. Not removed:
	// the other lines let it find sessions of the old server. It takes its own
	// parent's number for a stale one, so that's what we put there.
	p.log.Info("a server that crashed left a stale pid file", "file", path, "pid", pid)
	if err := os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"+rest), 0o600); err != nil {
		return true, fmt.Errorf("mark %s as stale: %w", path, err)
	}
	return true, nil
}

// endOrphan waits for an old server to end, and asks it to after a while.
func (p *Postgres) endOrphan(ctx context.Context, pid int) error {
	const ask = 2 * time.Second
	p.log.Info("waiting for the previous server to end", "pid", pid)
	done := logging.Waiting(ctx, p.log, "the previous server to end", "pid", pid)
	defer done()
	begin, asked := time.Now(), false
	for processAlive(pid) && worksIn(pid, p.cluster) {
		waited := time.Since(begin)
		if waited > patience {
			return fmt.Errorf("a server of an earlier run still holds %s: end process %d", p.cluster, pid)
		}
		if waited > ask && !asked {
			asked = true
			if err := signalProcess(pid, syscall.SIGQUIT); err != nil {
				return fmt.Errorf("end the server of an earlier run (pid %d): %w", pid, err)
			}
		}
		if err := pause(ctx, readyPause); err != nil {
			return err
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	if !sleep.For(ctx, d) {
		return context.Cause(ctx)
	}
	return nil
}
