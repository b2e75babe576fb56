package middleware

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
)

// tellingWriter says which of its methods were called. It has all that net/http's own writer has.
type tellingWriter struct {
	*httptest.ResponseRecorder
	calls map[string]int
}

func (w *tellingWriter) Header() http.Header { return w.ResponseRecorder.Header() }
func (w *tellingWriter) Write(b []byte) (int, error) {
	w.calls["Write"]++
	return w.ResponseRecorder.Write(b)
}

func (w *tellingWriter) WriteString(s string) (int, error) {
	w.calls["WriteString"]++
	return w.ResponseRecorder.WriteString(s)
}

func (w *tellingWriter) WriteHeader(status int) {
	w.calls["WriteHeader"]++
	w.ResponseRecorder.WriteHeader(status)
}
func (w *tellingWriter) WriteHeaderNow()   { w.calls["WriteHeaderNow"]++ }
func (w *tellingWriter) Flush()            { w.calls["Flush"]++ }
func (w *tellingWriter) FlushError() error { w.calls["FlushError"]++; return nil }

func (w *tellingWriter) CloseNotify() <-chan bool        { w.calls["CloseNotify"]++; return nil }
func (w *tellingWriter) Pusher() http.Pusher             { w.calls["Pusher"]++; return w }
func (w *tellingWriter) SetReadDeadline(time.Time) error { w.calls["SetReadDeadline"]++; return nil }

func (w *tellingWriter) SetWriteDeadline(time.Time) error { w.calls["SetWriteDeadline"]++; return nil }

func (w *tellingWriter) EnableFullDuplex() error              { w.calls["EnableFullDuplex"]++; return nil }
func (w *tellingWriter) Status() int                          { return http.StatusOK }
func (w *tellingWriter) Size() int                            { return -1 }
func (w *tellingWriter) Written() bool                        { return false }
func (w *tellingWriter) Push(string, *http.PushOptions) error { w.calls["Push"]++; return nil }
func (w *tellingWriter) Unwrap() http.ResponseWriter          { w.calls["Unwrap"]++; return w.ResponseRecorder }

func (w *tellingWriter) ReadFrom(r io.Reader) (int64, error) {
	w.calls["ReadFrom"]++
	return io.Copy(w.ResponseRecorder, r)
}

func (w *tellingWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.calls["Hijack"]++
	return nil, nil, nil
}

// Every method of Gin's writer, and every one that a handler may look for on it, is walked: none of them reaches the real
// writer before the commit. A method that a later Gin adds has no entry here and fails.
func TestHeldWriterLetsNoMethodReachTheClient(t *testing.T) {
	t.Parallel()
	step := map[string]func(*testing.T, gin.ResponseWriter){
		"Header":      func(_ *testing.T, w gin.ResponseWriter) { w.Header().Set("X-Early", "1") },
		"Write":       func(_ *testing.T, w gin.ResponseWriter) { _, _ = w.Write([]byte{1}) },
		"WriteString": func(_ *testing.T, w gin.ResponseWriter) { _, _ = w.WriteString("early") },
		"ReadFrom": func(_ *testing.T, w gin.ResponseWriter) {
			_, _ = w.(io.ReaderFrom).ReadFrom(strings.NewReader("early")) //nolint:forcetypeassert // a panic is a failure
		},
		"WriteHeader":    func(_ *testing.T, w gin.ResponseWriter) { w.WriteHeader(http.StatusCreated) },
		"WriteHeaderNow": func(_ *testing.T, w gin.ResponseWriter) { w.WriteHeaderNow() },
		"Flush":          func(_ *testing.T, w gin.ResponseWriter) { w.Flush() },
		"Status":         func(_ *testing.T, w gin.ResponseWriter) { _ = w.Status() },
		"Size":           func(_ *testing.T, w gin.ResponseWriter) { _ = w.Size() },
		"Written":        func(_ *testing.T, w gin.ResponseWriter) { _ = w.Written() },
		"CloseNotify": func(t *testing.T, w gin.ResponseWriter) {
			select {
			case <-w.CloseNotify():
				t.Error("the client is gone, says CloseNotify")
			default:
			}
		},
		"Pusher": func(t *testing.T, w gin.ResponseWriter) {
			if w.Pusher() != nil {
				t.Error("got a Pusher, want none: it sends at once")
			}
		},
		"Hijack": func(t *testing.T, w gin.ResponseWriter) {
			if _, _, err := w.Hijack(); !errors.Is(err, ErrHijack) {
				t.Errorf("Hijack: got %v, want ErrHijack", err)
			}
		},
	}
	optional := map[string]func(*testing.T, gin.ResponseWriter){
		"Unwrap": func(t *testing.T, w gin.ResponseWriter) {
			if _, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok {
				t.Error("the held writer has Unwrap: what it returns can be written to")
			}
		},
		"Push": func(t *testing.T, w gin.ResponseWriter) {
			if _, ok := w.(http.Pusher); ok {
				t.Error("the held writer is a Pusher")
			}
		},
		"controller's Flush": func(t *testing.T, w gin.ResponseWriter) {
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Error(err)
			}
		},
		"controller's Hijack": func(t *testing.T, w gin.ResponseWriter) {
			if _, _, err := http.NewResponseController(w).Hijack(); !errors.Is(err, ErrHijack) {
				t.Errorf("got %v, want ErrHijack", err)
			}
		},
		"io.Copy":        func(_ *testing.T, w gin.ResponseWriter) { _, _ = io.Copy(w, strings.NewReader("early")) },
		"io.WriteString": func(_ *testing.T, w gin.ResponseWriter) { _, _ = io.WriteString(struct{ io.Writer }{w}, "early") },
	}
	for _, method := range methods(reflect.TypeFor[gin.ResponseWriter](), reflect.TypeFor[*heldWriter]()) {
		if controls[method] {
			continue
		}
		if step[method] == nil {
			t.Errorf("%s is a method of Gin's writer or of the held one, and nothing here tries it: does it reach the client?", method)
		}
	}
	for _, steps := range []map[string]func(*testing.T, gin.ResponseWriter){step, optional} {
		for name, try := range steps {
			told := &tellingWriter{httptest.NewRecorder(), map[string]int{}}
			try(t, newHeldWriter(told))
			if len(told.calls) > 0 || len(told.Header()) > 0 || told.Body.Len() > 0 {
				t.Errorf("%s reached the real writer: %v %v %q", name, told.calls, told.Header(), told.Body)
			}
		}
	}
}

// controls reach the connection on purpose: they say how long it may take, and send nothing.
var controls = map[string]bool{"SetReadDeadline": true, "SetWriteDeadline": true, "EnableFullDuplex": true}

func TestHeldWriterPassesDeadlinesOn(t *testing.T) {
	t.Parallel()
	told := &tellingWriter{httptest.NewRecorder(), map[string]int{}}
	control := http.NewResponseController(newHeldWriter(told))
	if err := errors.Join(control.SetReadDeadline(time.Now()), control.SetWriteDeadline(time.Now()), control.EnableFullDuplex()); err != nil {
		t.Error(err)
	}
	for name := range controls {
		if told.calls[name] != 1 || len(told.calls) != len(controls) {
			t.Errorf("%s: the real writer was called %v", name, told.calls)
		}
	}
}

func methods(types ...reflect.Type) (names []string) {
	for _, of := range types {
		for method := range of.Methods() {
			if method.IsExported() {
				names = append(names, method.Name)
			}
		}
	}
	return names
}
