package middleware

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// heldWriter keeps a response back until it is committed, and behaves as Gin's own writer does meanwhile. It embeds no
// other writer: a method that a later version of Gin adds is a compile error here, and nothing slips past.
type heldWriter struct {
	real     gin.ResponseWriter // is written to by send alone
	initial  http.Header        // what stood in the real header before the handler ran
	header   http.Header        // the handler's
	sent     http.Header        // header as it was when the response began; later changes are trailers, or nothing
	status   int
	body     bytes.Buffer
	written  bool // the status is fixed
	flushed  bool
	silent   bool // the handler returned without having written anything
	finished bool // the handler has returned
}

var (
	_ gin.ResponseWriter = (*heldWriter)(nil)
	_ io.ReaderFrom      = (*heldWriter)(nil)
)

func newHeldWriter(w gin.ResponseWriter) *heldWriter {
	return &heldWriter{real: w, initial: w.Header().Clone(), header: w.Header().Clone(), status: w.Status()}
}

func (w *heldWriter) Header() http.Header { return w.header }

// WriteHeader only sets the status, as Gin's does.
func (w *heldWriter) WriteHeader(status int) {
	if status > 0 && !w.Written() {
		w.status = status
	}
}

// WriteHeaderNow fixes the status, and the headers unless it is informational.
func (w *heldWriter) WriteHeaderNow() {
	w.written = true
	if w.final() == w.status {
		w.begin()
	}
}

// begin fixes status and headers.
func (w *heldWriter) begin() {
	w.written = true
	if w.sent == nil {
		w.sent = w.header.Clone()
	}
}

// beginBody fails as net/http does where a response has no body.
func (w *heldWriter) beginBody() error {
	if w.begin(); !bodyAllowed(w.final()) {
		return http.ErrBodyNotAllowed
	}
	return nil
}

func (w *heldWriter) Write(b []byte) (int, error) {
	if err := w.beginBody(); err != nil {
		return 0, err
	}
	return w.body.Write(b)
}

// WriteString is for io.WriteString.
func (w *heldWriter) WriteString(s string) (int, error) {
	if err := w.beginBody(); err != nil {
		return 0, err
	}
	return w.body.WriteString(s)
}

// ReadFrom copies a file or a stream without a buffer in between.
func (w *heldWriter) ReadFrom(r io.Reader) (int64, error) {
	if err := w.beginBody(); err != nil {
		return 0, err
	}
	return w.body.ReadFrom(r)
}

func (w *heldWriter) Status() int   { return w.status }
func (w *heldWriter) Written() bool { return w.written }

func (w *heldWriter) Size() int {
	if !w.Written() {
		return -1
	}
	return w.body.Len()
}

// Flush begins the response, and nothing of it leaves.
func (w *heldWriter) Flush() {
	w.begin()
	w.sniff()
	if _, typed := w.sent["Content-Type"]; !typed {
		w.sent["Content-Type"] = nil // a type can't be guessed from a body that comes later
	}
	w.flushed = true
}

// CloseNotify never says that the client is gone: half a stream would be stored as a whole one.
func (w *heldWriter) CloseNotify() <-chan bool                     { return make(chan bool) }
func (w *heldWriter) Pusher() http.Pusher                          { return nil }
func (w *heldWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, ErrHijack }

// The deadlines are the connection's: they hold for the response when it is sent. There is no Unwrap, because what it
// returned could be written to.

// SetReadDeadline is for [http.ResponseController].
func (w *heldWriter) SetReadDeadline(t time.Time) error { return w.control().SetReadDeadline(t) }

// SetWriteDeadline is for [http.ResponseController].
func (w *heldWriter) SetWriteDeadline(t time.Time) error { return w.control().SetWriteDeadline(t) }

// EnableFullDuplex is for [http.ResponseController].
func (w *heldWriter) EnableFullDuplex() error { return w.control().EnableFullDuplex() }

func (w *heldWriter) control() *http.ResponseController { return http.NewResponseController(w.real) }

// finish ends the response when the handler has returned.
func (w *heldWriter) finish() {
	w.silent = !w.written
	w.begin()
	w.sniff()
	w.finished = true
}

// sniff sets the type that net/http would send with a body whose handler named none, so that it is stored, too.
func (w *heldWriter) sniff() {
	_, typed := w.sent["Content-Type"]
	if w.flushed || typed || w.body.Len() == 0 || w.sent.Get("Content-Encoding") != "" || w.sent.Get("Transfer-Encoding") != "" {
		return
	}
	w.sent.Set("Content-Type", http.DetectContentType(w.body.Bytes()))
}

// bytes is the body without the room that its buffer has grown: the process keeps it, and counts what it holds.
func (w *heldWriter) bytes() []byte {
	body := w.body.Bytes()
	if cap(body)-len(body) > len(body)/4+512 {
		return bytes.Clone(body)
	}
	return body
}

// final is the status that a client gets: behind an informational one net/http sends 200.
func (w *heldWriter) final() int {
	if w.status >= 100 && w.status < 200 && w.status != http.StatusSwitchingProtocols {
		return http.StatusOK
	}
	return w.status
}

// changed reports whether the handler gave a header another value than it had before.
func (w *heldWriter) changed(name string) bool { return !slices.Equal(w.initial[name], w.sent[name]) }

// send writes the response as the handler made it. Headers that the middleware around it set meanwhile stay. What is
// stored is written now; of a response that is not, and that the handler didn't begin, the middleware around may make
// something else.
func (w *heldWriter) send(to gin.ResponseWriter, stored bool) {
	header := to.Header()
	for name := range w.initial {
		if _, kept := w.sent[name]; !kept {
			delete(header, name)
		}
	}
	for name, values := range w.sent {
		if _, had := w.initial[name]; !had || w.changed(name) {
			header[name] = values
		}
	}
	to.WriteHeader(w.final())
	switch {
	case w.body.Len() > 0:
		_, _ = to.Write(w.body.Bytes()) // a client that is gone asks again and gets the stored response
	case stored || !w.silent:
		to.WriteHeaderNow()
	}
	if w.flushed {
		to.Flush() // before the end: so the body travels in chunks, as the handler's would
	}
	w.sendTrailers(header)
}

// sendTrailers sets what the handler set behind its body, where net/http looks for it.
func (w *heldWriter) sendTrailers(header http.Header) {
	for _, line := range w.sent["Trailer"] {
		for name := range strings.SplitSeq(line, ",") {
			name = http.CanonicalHeaderKey(strings.TrimSpace(name))
			if values, ok := w.header[name]; ok {
				header[name] = values
			}
		}
	}
	for name, values := range w.header {
		if strings.HasPrefix(name, http.TrailerPrefix) {
			header[name] = values
		}
	}
}

// bodyAllowed is false for the statuses whose responses end with their headers (RFC 9110, section 6.4.1).
func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}
