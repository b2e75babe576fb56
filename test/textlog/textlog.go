// Package textlog is a log that a test reads.
package textlog

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
)

// Log collects what is written to it. It is safe for concurrent use.
type Log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// New returns a logger of all levels, and where its lines go.
func New() (*slog.Logger, *Log) {
	l := &Log{}
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug})), l
}

// Write implements [io.Writer].
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p) //nolint:wrapcheck // never fails
}

// Count tells how often the text stands in the log.
func (l *Log) Count(text string) int { return strings.Count(l.String(), text) }

// String is the whole log.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
