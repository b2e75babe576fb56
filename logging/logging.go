// Package logging writes structured lines without ever making a request wait for them.
package logging

import (
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
)

// queueLength bounds how many lines wait for a slow reader of the log.
const queueLength = 4096

// Logger writes through a bounded queue: when whoever reads the log is stuck, lines are dropped and counted, and no
// request is delayed or lost.
type Logger struct {
	*slog.Logger
	queue   chan []byte
	dropped atomic.Int64
	mu      sync.RWMutex // held while sending, so that Close never closes under a sender
	closed  bool
	done    chan struct{}
}

// New starts to write to out, as text or, with json, one JSON object a line.
func New(out io.Writer, level slog.Level, json bool) *Logger {
	l := &Logger{queue: make(chan []byte, queueLength), done: make(chan struct{})}
	options := &slog.HandlerOptions{Level: level}
	if json {
		l.Logger = slog.New(slog.NewJSONHandler(l, options))
	} else {
		l.Logger = slog.New(slog.NewTextHandler(l, options))
	}
	go l.drain(out)
	return l
}

// Write queues one line. It implements io.Writer for slog, which reuses its buffer: the line is copied.
func (l *Logger) Write(line []byte) (int, error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return len(line), nil
	}
	select {
	case l.queue <- append([]byte(nil), line...):
	default:
		l.dropped.Add(1)
	}
	return len(line), nil
}

// Dropped counts the lines that nobody read in time.
func (l *Logger) Dropped() int64 { return l.dropped.Load() }

// Close stops to take lines; Done tells when those before it are written.
func (l *Logger) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		close(l.queue)
	}
}

// Done is closed when every line is written. It never is while the reader of the log is stuck.
func (l *Logger) Done() <-chan struct{} { return l.done }

func (l *Logger) drain(out io.Writer) {
	defer close(l.done)
	for line := range l.queue {
		_, _ = out.Write(line) // there is nowhere to report it to
	}
}
