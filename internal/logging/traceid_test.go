package logging_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/payonce/payonce/internal/logging"
)

func TestLinesNameTheTraceOfTheirContext(t *testing.T) {
	t.Parallel()
	type key struct{}
	var out bytes.Buffer
	log := logging.WithTraceID(slog.New(slog.NewTextHandler(&out, nil)), func(ctx context.Context) string {
		id, _ := ctx.Value(key{}).(string)
		return id
	})
	log.With("job", "checks").InfoContext(context.WithValue(t.Context(), key{}, "4bf9"), "inside")
	log.InfoContext(t.Context(), "outside")
	inside, outside, _ := strings.Cut(out.String(), "\n")
	if !strings.Contains(inside, "job=checks") || !strings.Contains(inside, "trace_id=4bf9") || strings.Contains(outside, "trace_id") {
		t.Errorf("got %s, want trace_id in the first line only", &out)
	}
}
