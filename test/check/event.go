package check

import (
	"bufio"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"sync"
	"time"
)

// Event is one request of a client, and what came back. A history is a file of them, one JSON object a line, in the order
// of their answers.
type Event struct {
	Merchant string `json:"merchant"`       // mer_...
	Key      string `json:"key,omitempty"`  // decoded; empty for requests that need none
	Method   string `json:"method"`         //
	Path     string `json:"path"`           //
	Request  string `json:"request"`        // the same for requests that are the same by their fingerprint
	Sent     Time   `json:"sent"`           //
	Answered Time   `json:"answered"`       // when the answer was complete, or given up
	Status   int    `json:"status"`         // 0: no answer, or not a whole one
	Body     string `json:"body,omitempty"` //
	// Header holds the replayed ones that were there; see ReplayedHeaders.
	Header   map[string]string `json:"header,omitempty"`
	Replayed bool              `json:"replayed,omitempty"`
	// Error says why there was no answer, or what is wrong with the one that came.
	Error string `json:"error,omitempty"`
}

// Time is a moment in microseconds since 1970, as the store keeps them.
type Time int64

// At converts.
func At(t time.Time) Time { return Time(t.UnixMicro()) }

// Time converts back.
func (t Time) Time() time.Time { return time.UnixMicro(int64(t)).UTC() }

// ReplayedHeaders are those that a replay repeats; any other may differ.
func ReplayedHeaders() []string {
	return []string{"Content-Type", "Location", "Link", "Content-Language", "ETag"}
}

// RequestOf is an Event's Request: the same for bodies that are the same JSON, whatever their spelling.
func RequestOf(method, path, body string) string {
	canonical := []byte(body)
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) == nil && !decoder.More() {
		canonical, _ = json.Marshal(value) // members are sorted; what was decoded can be encoded
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s\n%s", method, path, canonical))
	return hex.EncodeToString(sum[:16])
}

// outcome tells whether the answer is one that spends the key.
func (e *Event) outcome() bool { return e.Key != "" && isOutcome(e.Status) }

func isOutcome(status int) bool { return (status >= 200 && status <= 299) || status == 402 }

// good tells whether the client was served: whatever this is, it is a decision.
func (e *Event) good() bool { return isOutcome(e.Status) }

// code is a problem's code.
func (e *Event) code() string {
	if e.Status < 400 || !strings.Contains(e.Body, `"code"`) {
		return ""
	}
	var problem struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal([]byte(e.Body), &problem) // not JSON: no code
	return problem.Code
}

// Recorder writes a history. Safe for concurrent use.
type Recorder struct {
	mu     sync.Mutex
	file   *os.File
	zip    *gzip.Writer
	buffer *bufio.Writer
	lines  int64
	err    error
}

// Record begins a history in a file, compressed when its name ends with .gz.
func Record(path string) (*Recorder, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("begin a history: %w", err)
	}
	r := &Recorder{file: file}
	var to io.Writer = file
	if strings.HasSuffix(path, ".gz") {
		if r.zip, err = gzip.NewWriterLevel(file, gzip.BestSpeed); err != nil {
			return nil, errors.Join(err, file.Close())
		}
		to = r.zip
	}
	r.buffer = bufio.NewWriterSize(to, 256<<10)
	return r, nil
}

// Add writes one line. What goes wrong is returned by Close.
func (r *Recorder) Add(e Event) {
	line, err := json.Marshal(e)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		_, err = r.buffer.Write(append(line, '\n'))
	}
	r.lines++
	r.err = errors.Join(r.err, err)
}

// Close writes what is left.
func (r *Recorder) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := errors.Join(r.err, r.buffer.Flush())
	if r.zip != nil {
		err = errors.Join(err, r.zip.Close())
	}
	if err = errors.Join(err, r.file.Close()); err != nil {
		return fmt.Errorf("write the history: %w", err)
	}
	return nil
}

// ReadHistory reads what a Recorder wrote, a line at a time.
func ReadHistory(path string) iter.Seq2[Event, error] { return readLines[Event](path) }

// readLines reads a file of JSON lines, compressed or not. It ends with its first error.
func readLines[T any](path string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		fail := func(err error) { yield(zero, fmt.Errorf("read %s: %w", path, err)) }
		file, err := os.Open(path)
		if err != nil {
			fail(err)
			return
		}
		defer func() { _ = file.Close() }()
		from := bufio.NewReaderSize(file, 256<<10)
		if magic, _ := from.Peek(2); string(magic) == "\x1f\x8b" {
			zip, err := gzip.NewReader(from)
			if err != nil {
				fail(err)
				return
			}
			from = bufio.NewReaderSize(zip, 256<<10)
		}
		for decoder := json.NewDecoder(from); ; {
			var line T
			err := decoder.Decode(&line)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				fail(err)
				return
			}
			if !yield(line, nil) {
				return
			}
		}
	}
}

// Events is a history in memory.
func Events(list []Event) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for _, e := range list {
			if !yield(e, nil) {
				return
			}
		}
	}
}
