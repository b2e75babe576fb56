package middleware_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/middleware"
	"github.com/payonce/payonce/test/wait"
)

// plainHandler is a handler as people write them, and what a copy of its request must get.
type plainHandler struct {
	name   string
	handle gin.HandlerFunc
	inner  gin.HandlerFunc // a middleware between Protect and the handler
	outer  gin.HandlerFunc // a middleware around Protect
	method string          // POST
	// replays are the handler's headers that a copy gets, but Content-Length. nil: the response is not stored, and a copy
	// runs the handler again.
	replays []string
}

func plainHandlers(t *testing.T) []plainHandler {
	file := filepath.Join(t.TempDir(), "menu.txt")
	if err := os.WriteFile(file, bytes.Repeat([]byte("espresso\n"), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	large := bytes.Repeat([]byte("0123456789abcdef"), 3<<20/16)
	text, typed := []string{"Content-Type"}, func(more ...string) []string { return append([]string{"Content-Type"}, more...) }
	return []plainHandler{
		{name: "JSON with a Location", replays: typed("Location"), handle: func(c *gin.Context) {
			c.Header("Location", "/coffees/1")
			c.JSON(http.StatusCreated, gin.H{"coffee": "espresso"})
		}},
		{name: "no content", replays: []string{}, handle: func(c *gin.Context) { c.Status(http.StatusNoContent) }},
		{name: "a body on no content", replays: text, handle: func(c *gin.Context) { c.String(http.StatusNoContent, "ignored") }},
		{name: "written on no content", replays: []string{}, handle: func(c *gin.Context) {
			c.Status(http.StatusNoContent)
			if _, err := c.Writer.WriteString("refused"); !errors.Is(err, http.ErrBodyNotAllowed) {
				t.Errorf("got %v, want net/http's error", err)
			}
		}},
		{name: "nothing at all", replays: []string{}, handle: func(*gin.Context) {}},
		{name: "a guessed type", replays: text, handle: func(c *gin.Context) { _, _ = c.Writer.WriteString("<html><body>x</body></html>") }},
		{name: "an XML document", replays: text, handle: func(c *gin.Context) { c.XML(http.StatusOK, gin.H{"a": 1}) }},
		{name: "a file", replays: typed("Last-Modified"), handle: func(c *gin.Context) { c.File(file) }},
		{name: "an attachment", replays: typed("Content-Disposition", "Last-Modified"), handle: func(c *gin.Context) { c.FileAttachment(file, "Menü.txt") }},
		{name: "a header in Latin-1", replays: typed("Content-Disposition"), handle: func(c *gin.Context) {
			c.Header("Content-Disposition", "attachment; filename=\"Men\xfc.txt\"")
			c.String(http.StatusOK, "x")
		}},
		{name: "from a reader", replays: typed("Content-Language", "Etag"), handle: func(c *gin.Context) {
			c.DataFromReader(http.StatusOK, -1, "text/csv", strings.NewReader("a,b\n"), map[string]string{"ETag": `"1"`, "Content-Language": "de"})
		}},
		{name: "a stream", replays: text, handle: func(c *gin.Context) {
			n := 0
			c.Stream(func(w io.Writer) bool {
				n++
				_, _ = fmt.Fprintf(w, "line %d\n", n)
				return n < 50
			})
		}},
		{name: "server-sent events", replays: text, handle: func(c *gin.Context) {
			for i := range 3 {
				c.SSEvent("tick", i)
				c.Writer.Flush()
			}
		}},
		{name: "flushed before its body", replays: text, handle: func(c *gin.Context) {
			c.Header("Content-Type", "text/plain")
			c.Writer.Flush()
			_, _ = c.Writer.WriteString("late")
		}},
		{name: "3 MB at once", replays: text, handle: func(c *gin.Context) { c.Data(http.StatusOK, "application/pdf", large) }},
		{name: "3 MB in pieces", replays: text, handle: func(c *gin.Context) {
			for piece := range slices.Chunk(large, 1000) {
				_, _ = c.Writer.Write(piece)
			}
		}},
		{name: "3 MB copied", replays: text, handle: func(c *gin.Context) { _, _ = io.Copy(c.Writer, bytes.NewReader(large)) }},
		{name: "compressed inside", inner: compress, replays: typed("Content-Encoding"), handle: func(c *gin.Context) { c.String(http.StatusOK, "%s", large[:9000]) }},
		{name: "compressed outside", outer: compress, replays: typed("Content-Encoding"), handle: func(c *gin.Context) { c.String(http.StatusOK, "%s", large[:9000]) }},
		{name: "cookies and headers of its own", replays: text, handle: func(c *gin.Context) {
			c.SetCookie("session", "secret", 60, "/", "", true, true)
			c.SetCookie("second", "too", 60, "/", "", true, true)
			c.Header("X-Request-Id", "1")
			c.Header("X-Ratelimit-Remaining", "9")
			c.Header("WWW-Authenticate", "Bearer")
			c.Header("X-Own", "1")
			c.String(http.StatusOK, "hello")
		}},
		{name: "a listed header", replays: typed("X-Coffee"), handle: func(c *gin.Context) {
			c.Writer.Header()["X-Coffee"] = []string{"black", "hot"}
			c.String(http.StatusOK, "hello")
		}},
		{name: "a header of the outer middleware taken away", replays: text, handle: func(c *gin.Context) {
			if c.Writer.Header().Get("X-Outer") != "1" {
				t.Error("the handler doesn't see what the middleware around it set")
			}
			c.Writer.Header().Del("X-Outer")
			c.String(http.StatusOK, "hello")
		}},
		{name: "early hints", replays: typed("Link"), handle: func(c *gin.Context) {
			c.Header("Link", "</style.css>; rel=preload")
			c.Writer.WriteHeader(http.StatusEarlyHints)
			c.Writer.WriteHeaderNow()
			c.JSON(http.StatusCreated, gin.H{}) // Gin takes the status for written, and net/http sends 200
		}},
		{name: "a response to HEAD", method: http.MethodHead, replays: text, handle: func(c *gin.Context) { c.String(http.StatusOK, "never sent") }},
		{name: "the status twice", replays: text, handle: func(c *gin.Context) {
			c.Status(http.StatusAccepted)
			c.String(http.StatusCreated, "made")
			c.Status(http.StatusInternalServerError)
			c.Writer.WriteHeader(http.StatusTeapot)
		}},
		{name: "a header behind the body", replays: text, handle: func(c *gin.Context) {
			c.String(http.StatusOK, "made")
			c.Header("Location", "/too/late")
			c.Header("X-Own", "too late")
		}},
		{name: "trailers", replays: text, handle: func(c *gin.Context) {
			c.Header("Trailer", "X-Checksum")
			c.Data(http.StatusOK, "text/plain", large[:5000])
			c.Header("X-Checksum", "42")
			c.Header(http.TrailerPrefix+"X-Late", "43")
		}},
		{name: "accepted, and when to look", replays: typed("Location", "Retry-After"), handle: func(c *gin.Context) {
			c.Header("Location", "/jobs/1")
			c.Header("Retry-After", "5")
			c.JSON(http.StatusAccepted, gin.H{})
		}},
		{name: "when to look elsewhere", replays: text, handle: func(c *gin.Context) {
			c.Header("Retry-After", "5")
			c.JSON(http.StatusCreated, gin.H{})
		}},
		{name: "payment required", replays: text, handle: func(c *gin.Context) { c.JSON(http.StatusPaymentRequired, gin.H{"code": "declined"}) }},
		{name: "aborted with success", replays: []string{}, handle: func(c *gin.Context) { c.AbortWithStatus(http.StatusCreated) }},
		{name: "the body read twice", replays: text, handle: func(c *gin.Context) {
			first, _ := io.ReadAll(c.Request.Body)
			second, err := io.ReadAll(c.Request.Body)
			c.String(http.StatusOK, "%s|%s|%v|%d", first, second, err, c.Request.ContentLength)
		}},
		{name: "a copy in a goroutine", replays: text, handle: func(c *gin.Context) {
			read := make(chan string)
			go func(c *gin.Context) { read <- c.Request.Header.Get("Content-Type") }(c.Copy())
			c.String(http.StatusOK, "%s", <-read)
		}},
		{name: "a deadline for the response, flushed before it has a type", replays: []string{}, handle: func(c *gin.Context) {
			control := http.NewResponseController(c.Writer)
			err := errors.Join(control.SetWriteDeadline(time.Now().Add(time.Minute)), control.SetReadDeadline(time.Now().Add(time.Minute)), control.Flush())
			c.String(http.StatusOK, "%v", err)
		}},
		{name: "what the writer knows", replays: text, handle: func(c *gin.Context) {
			before := fmt.Sprint(c.Writer.Status(), c.Writer.Size(), c.Writer.Written())
			c.Writer.WriteHeader(http.StatusCreated)
			middle := fmt.Sprint(c.Writer.Status(), c.Writer.Size(), c.Writer.Written())
			c.Writer.WriteHeaderNow()
			_, _ = c.Writer.WriteString("x")
			after := fmt.Sprint(c.Writer.Status(), c.Writer.Size(), c.Writer.Written())
			_, _ = c.Writer.WriteString(before + middle + after)
		}},
		{name: "refused", handle: func(c *gin.Context) {
			c.Header("X-Reason", "full")
			c.SetCookie("seen", "1", 60, "/", "", true, true)
			c.AbortWithStatusJSON(http.StatusConflict, gin.H{"error": "no room"})
		}},
		{name: "forbidden without a body", handle: func(c *gin.Context) { c.AbortWithStatus(http.StatusForbidden) }},
		{name: "see other", handle: func(c *gin.Context) { c.Redirect(http.StatusSeeOther, "/coffees/1") }},
		{name: "found", handle: func(c *gin.Context) { c.Redirect(http.StatusFound, "/coffees/1") }},
		{name: "not modified", handle: func(c *gin.Context) { c.Header("ETag", `"1"`); c.Status(http.StatusNotModified) }},
		{name: "an error for the middleware around", outer: answerErrors, handle: func(c *gin.Context) { _ = c.Error(errors.New("out of beans")) }},
		{name: "a panic", handle: func(*gin.Context) { panic("broken") }},
		{name: "a connection cut on purpose", handle: func(*gin.Context) { panic(http.ErrAbortHandler) }},
	}
}

// answerErrors is an error middleware as many services have one.
func answerErrors(c *gin.Context) {
	c.Next()
	if len(c.Errors) > 0 && !c.Writer.Written() {
		c.JSON(http.StatusServiceUnavailable, gin.H{"error": c.Errors.Last().Error()})
	}
}

// gzipped compresses what is written through it.
type gzipped struct {
	gin.ResponseWriter
	to *gzip.Writer
}

func (w *gzipped) Write(b []byte) (int, error)       { return w.to.Write(b) }
func (w *gzipped) WriteString(s string) (int, error) { return w.to.Write([]byte(s)) }

func compress(c *gin.Context) {
	to := gzip.NewWriter(c.Writer)
	writer := c.Writer
	c.Writer = &gzipped{writer, to}
	c.Header("Content-Encoding", "gzip")
	c.Next()
	_ = to.Close()
	c.Writer = writer
}

// received is what a client sees of a response.
type received struct {
	status  int
	header  http.Header
	trailer http.Header
	body    string
	framing string
	err     bool
}

func (r received) without(names ...string) received {
	r.header = maps.Clone(r.header)
	for _, name := range names {
		r.header.Del(name)
	}
	return r
}

func ask(t *testing.T, server *httptest.Server, path, method, key string) received {
	t.Helper()
	if method == "" {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(`{"coffee":1}`))
	if err != nil {
		t.Fatal(err)
	}
	r.GetBody = nil
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", key)
	client := &http.Client{
		Transport:     &http.Transport{DisableCompression: true, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(r)
	if err != nil {
		return received{err: true}
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	response.Header.Del("Date")
	return received{
		status: response.StatusCode, header: response.Header, trailer: response.Trailer, body: string(body),
		framing: fmt.Sprint(response.TransferEncoding, response.ContentLength), err: err != nil,
	}
}

// serve runs a router on a real server: much of what a response is, net/http decides.
func serve(t *testing.T, router *gin.Engine) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(router)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.Start()
	t.Cleanup(server.Close)
	return server
}

// The first answer of a protected handler is that of the same handler without protection. A copy gets status and body, and
// of the headers those that describe them.
func TestPlainHandlersAnswerAsWithoutProtectionAndAreReplayed(t *testing.T) {
	t.Parallel()
	for _, tx := range []bool{false, true} {
		t.Run(map[bool]string{false: "Protect", true: "ProtectTx"}[tx], func(t *testing.T) {
			t.Parallel()
			once := protection(t, middleware.Config{Replay: []string{"x-coffee"}, MaxBody: 1000})
			protect := once.Protect()
			if tx {
				protect = once.ProtectTx()
			}
			router := gin.New()
			router.Use(gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, _ any) { c.AbortWithStatus(http.StatusInternalServerError) }))
			router.Use(func(c *gin.Context) { c.Header("X-Outer", "1"); c.Header("Cache-Control", "no-store") })
			handlers := plainHandlers(t)
			calls := make([]int, len(handlers))
			for i, h := range handlers {
				var around, inside []gin.HandlerFunc
				if h.outer != nil {
					around = append(around, h.outer)
				}
				if h.inner != nil {
					inside = append(inside, h.inner)
				}
				inside = append(inside, func(c *gin.Context) { calls[i]++; h.handle(c) })
				method := cmp2(h.method, http.MethodPost)
				router.Handle(method, fmt.Sprint("/plain/", i), append(slices.Clone(around), inside...)...)
				router.Handle(method, fmt.Sprint("/once/", i), append(append(slices.Clone(around), protect), inside...)...)
			}
			server := serve(t, router)
			for i, h := range handlers {
				want := ask(t, server, fmt.Sprint("/plain/", i), h.method, "plain")
				first := ask(t, server, fmt.Sprint("/once/", i), h.method, fmt.Sprint("key-", i))
				before, copied := calls[i], received{}
				wait.Within(t, 10*time.Second, h.name+": the key is free", func() bool { // a rollback may go on behind its answer
					calls[i] = before
					copied = ask(t, server, fmt.Sprint("/once/", i), h.method, fmt.Sprint("key-", i))
					return !inFlight(copied.status, copied.header)
				})
				if diff := diffReceived(want, first.without("Idempotency-Key-Expires")); diff != "" {
					t.Errorf("%s: the first answer (-without protection +got):\n%s", h.name, diff)
				}
				if h.replays == nil {
					if calls[i] != 3 || first.header.Get("Idempotency-Key-Expires") != "" || copied.header.Get("Idempotent-Replayed") != "" {
						t.Errorf("%s: ran %d times, want 3: a response that is no outcome was stored", h.name, calls[i])
					}
					continue
				}
				ran := calls[i] == 2 || tx && calls[i] == 3 // for a copy, too, but in vain
				if !ran || copied.header.Get("Idempotent-Replayed") != "true" || first.header.Get("Idempotent-Replayed") != "" {
					t.Errorf("%s: ran %d times, want 2; the copy's headers are %v", h.name, calls[i], copied.header)
				}
				wantCopy := first.without()
				for name := range first.header {
					if !slices.Contains(append(h.replays, "Idempotency-Key-Expires"), name) {
						wantCopy.header.Del(name)
					}
				}
				wantCopy.header.Set("X-Outer", "1")
				wantCopy.header.Set("Cache-Control", "no-store")
				wantCopy.trailer, wantCopy.framing = nil, ""
				got := copied.without("Idempotent-Replayed", "Content-Length") // net/http counts a copy, which is written at once
				got.trailer, got.framing = nil, ""
				if diff := diffReceived(wantCopy, got); diff != "" {
					t.Errorf("%s: the copy (-want +got):\n%s", h.name, diff)
				}
				for _, name := range h.replays {
					if copied.header.Get(name) == "" {
						t.Errorf("%s: the copy has no %s", h.name, name)
					}
				}
			}
		})
	}
}

func cmp2(value, otherwise string) string {
	if value != "" {
		return value
	}
	return otherwise
}

func diffReceived(want, got received) string {
	if len(want.body) > 20000 || len(got.body) > 20000 { // too long to print
		if want.body != got.body {
			return fmt.Sprintf("bodies of %d and %d bytes differ", len(want.body), len(got.body))
		}
		want.body, got.body = "", ""
	}
	return cmp.Diff(want, got, cmp.AllowUnexported(received{}))
}

// protection is a middleware over a database of its own.
func protection(t *testing.T, config middleware.Config) *middleware.Idempotency[*postgres.Tx] {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	s := newStore(t)
	config.Tenant = func(*gin.Context) idempotency.Tenant { return idempotency.Tenant{1} }
	return middleware.NewIdempotency(idempotency.New(s.store, nil, idempotency.Options{FastPath: idempotency.AssumeNew{}}), config)
}
