package logging_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/payonce/payonce/internal/logging"
)

// stuck is a reader of the log that reads nothing until it is freed.
type stuck struct {
	free chan struct{}
	read bytes.Buffer
}

func (s *stuck) Write(p []byte) (int, error) {
	<-s.free
	return s.read.Write(p)
}

func TestAStuckReaderOfTheLogDelaysNoRequest(t *testing.T) {
	t.Parallel()
	reader := &stuck{free: make(chan struct{})}
	log := logging.New(reader, slog.LevelInfo, true)
	begin := time.Now()
	const lines = 10_000
	for i := range lines {
		log.Info("line", "i", i)
	}
	if elapsed := time.Since(begin); elapsed > 5*time.Second {
		t.Errorf("%d lines took %s", lines, elapsed)
	}
	if log.Dropped() == 0 || log.Dropped() >= lines {
		t.Errorf("%d lines were dropped", log.Dropped())
	}
	close(reader.free)
	log.Close()
	<-log.Done()
	if kept := bytes.Count(reader.read.Bytes(), []byte("\n")); int64(kept) != lines-log.Dropped() {
		t.Errorf("%d lines were written, %d dropped", kept, log.Dropped())
	}
	log.Info("after the end") // neither panics nor blocks
}

func TestLinesAreWholeAndOfTheAskedFormAndLevel(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := logging.New(&out, slog.LevelWarn, true)
	log.Info("too quiet")
	log.Warn("loud", "key", "value")
	log.Close()
	<-log.Done()
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line["msg"] != "loud" || line["key"] != "value" {
		t.Errorf("%s: %v", out.Bytes(), err)
	}
}
