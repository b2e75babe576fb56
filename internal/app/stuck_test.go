package app

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/payonce/payonce/internal/metrics"
)

func TestLockedRecordsAreLoggedOncePerChange(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	var records int
	m := metrics.New()
	l := &lockedDue{
		records: func(context.Context) (int, error) { return records, nil }, attempts: func(context.Context) (int, error) { return 0, nil },
		metrics: m, log: slog.New(slog.NewTextHandler(&out, nil)),
	}
	for at, step := range []struct{ records, held, free int }{
		{0, 0, 0},
		{3, 0, 0},
		{0, 0, 0}, // a transaction that was about to end
		{3, 0, 0},
		{2, 1, 0},
		{4, 1, 0}, // stays
		{0, 1, 0},
		{1, 1, 0},
		{0, 1, 0},
		{0, 1, 1},
		{0, 1, 1},
		{1, 1, 1},
		{1, 2, 1}, // again
	} {
		records = step.records
		if _, err := l.look(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		held, free := strings.Count(out.String(), "can't be recovered"), strings.Count(out.String(), "held any more")
		if held != step.held || free != step.free {
			t.Errorf("look %d: got %d and %d lines, want %d and %d:\n%s", at, held, free, step.held, step.free, out.String())
		}
	}
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	text, err := io.ReadAll(answer.Body)
	if err != nil || !strings.Contains(string(text), `payonce_locked_due{kind="record"} 1`) {
		t.Errorf("got %v and %s, want 1 locked record", err, text)
	}
}
