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

// keptRoom is the largest buffer that is used again.
const keptRoom = 1 << 20

// Logger writes through a bounded queue: when the log's reader is stuck, lines are dropped and counted, and no
// request is delayed or lost. The lines that wait are written together: on a busy service one write per line would be a
// good part of what a replay costs.
type Logger struct {
	*slog.Logger
	dropped atomic.Int64
	done    chan struct{}

	mu      sync.Mutex
	more    *sync.Cond // of mu: lines wait, or the end has come
	waiting []byte     // whole lines
	lines   int        // how many wait
	closed  bool
}

// New starts to write to out, as text or, with json, one JSON object a line.
func New(out io.Writer, level slog.Level, json bool) *Logger {
	l := &Logger{done: make(chan struct{})}
	l.more = sync.NewCond(&l.mu)
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
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
	case l.lines == queueLength:
		l.dropped.Add(1)
	default:
		l.waiting = append(l.waiting, line...)
		if l.lines++; l.lines == 1 {
			l.more.Signal()
		}
	}
	return len(line), nil
}

// Dropped counts the lines that were not read in time.
func (l *Logger) Dropped() int64 { return l.dropped.Load() }

// Close stops accepting lines; Done is closed when those before it are written.
func (l *Logger) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.more.Signal()
}

// Done is closed when every line is written. It never is while the reader of the log is stuck.
func (l *Logger) Done() <-chan struct{} { return l.done }

func (l *Logger) drain(out io.Writer) {
	defer close(l.done)
	var room []byte
	for {
		lines := l.take(room)
		if len(lines) == 0 {
			return
		}
		_, _ = out.Write(lines) // there is nowhere to report it to
		if room = lines[:0]; cap(room) > keptRoom {
			room = nil
		}
	}
}

// take waits for lines and returns all of them, none at the end. What comes next goes to room.
func (l *Logger) take(room []byte) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.lines == 0 && !l.closed {
		l.more.Wait()
	}
	lines := l.waiting
	l.waiting, l.lines = room, 0
	return lines
}
