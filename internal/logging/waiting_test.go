package logging_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/payonce/payonce/internal/logging"
)

func TestWaitingSaysWhatForAfterThreeSecondsAndThenSeldomer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		takes time.Duration
		lines int // that say what is waited for
	}{{0, 0}, {2900 * time.Millisecond, 0}, {3100 * time.Millisecond, 1}, {10 * time.Second, 2}, {22 * time.Second, 3}, {2 * time.Minute, 6}} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			done := logging.Waiting(t.Context(), slog.New(slog.NewTextHandler(&out, nil)), "the lock of the folder", "folder", "/tmp/x")
			time.Sleep(test.takes) //nolint:forbidigo // the bubble's clock
			done()
			done()                // again does nothing
			time.Sleep(time.Hour) //nolint:forbidigo // the bubble's clock
			lines := strings.Count(out.String(), `level=WARN msg="waiting for the lock of the folder"`)
			if ends := strings.Count(out.String(), "no longer waiting"); lines != test.lines || ends != min(1, test.lines) {
				t.Errorf("a wait of %s: got %d lines and %d ends, want %d and %d:\n%s", test.takes, lines, ends, test.lines, min(1, test.lines), &out)
			}
			if lines > 0 && !strings.Contains(out.String(), "waited=3s folder=/tmp/x") {
				t.Errorf("got %s, want the time and the folder", &out)
			}
		})
	}
}
