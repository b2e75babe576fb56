package middleware_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/middleware"
)

// A client that hangs up in the middle of a stream changes nothing: the whole stream is stored and replayed.
func TestPlainStreamGoesOnWhenTheClientHangsUp(t *testing.T) {
	t.Parallel()
	once := protection(t, middleware.Config{})
	router := gin.New()
	started, gone, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	router.POST("/stream", once.Protect(), func(c *gin.Context) {
		n := 0
		c.Stream(func(w io.Writer) bool {
			if n++; n == 2 {
				close(started)
				<-gone
			}
			_, _ = io.WriteString(w, "line\n")
			return n < 1000
		})
		done <- c.Request.Context().Err()
	})
	seen := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		context.AfterFunc(r.Context(), func() { close(gone) }) // net/http has noticed
		router.ServeHTTP(w, r.WithContext(r.Context()))
		close(seen)
	}))
	defer server.Close()
	ctx, hangUp := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/stream", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", "k")
	go func() {
		<-started
		hangUp()
	}()
	response, err := server.Client().Do(r)
	if err == nil {
		_ = response.Body.Close()
	}
	if err := <-done; err != nil {
		t.Errorf("the handler's context ended with the client: %v", err)
	}
	<-seen
	w := httptest.NewRecorder()
	again := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/stream", strings.NewReader("{}"))
	again.Header = r.Header
	router.ServeHTTP(w, again)
	if w.Header().Get("Idempotent-Replayed") != "true" || w.Body.Len() != 5000 {
		t.Errorf("replayed %q: %d bytes, want the whole stream of 5000", w.Header().Get("Idempotent-Replayed"), w.Body.Len())
	}
}

// logShop is a shop whose log is read.
func logShop(t *testing.T, handle func(c *gin.Context, tx *postgres.Tx)) (post func(key string) *httptest.ResponseRecorder, log *bytes.Buffer) {
	t.Helper()
	log = &bytes.Buffer{}
	once := protection(t, middleware.Config{Log: slog.New(slog.NewTextHandler(log, nil))})
	router := gin.New()
	router.POST("/things", once.Protect(), func(c *gin.Context) { handle(c, middleware.Tx[*postgres.Tx](c)) })
	return func(key string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/things", strings.NewReader("{}"))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", key)
		w := httptest.NewRecorder()
		router.ServeHTTP(w, r)
		return w
	}, log
}

func TestPlainHandlersFailuresAreLoggedWithTheirReason(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		handle func(c *gin.Context, tx *postgres.Tx)
		status int
		says   string
	}{
		"a table that isn't there": {
			func(c *gin.Context, tx *postgres.Tx) {
				tx.Insert("make a thing", "INSERT INTO no_such_table VALUES (1)")
				c.Status(http.StatusCreated)
			},
			500, `make a thing: ERROR: relation \"no_such_table\" does not exist`,
		},
		"a bare update": {
			func(c *gin.Context, tx *postgres.Tx) {
				tx.Insert("change a thing", "UPDATE idempotency_keys SET body = NULL")
				c.Status(http.StatusCreated)
			},
			500, `change a thing: want INSERT, got`,
		},
		"a redirect": {
			func(c *gin.Context, _ *postgres.Tx) { c.Redirect(http.StatusSeeOther, "/things/1") },
			303, `level=WARN msg="a protected handler answered with a status that is not an outcome: what it wrote in its transaction was rolled back`,
		},
	} {
		post, log := logShop(t, test.handle)
		w := post("k")
		if w.Code != test.status || !strings.Contains(log.String(), test.says) || !strings.Contains(log.String(), "route=/things") {
			t.Errorf("%s: %d, log %q, want %d and %q", name, w.Code, log, test.status, test.says)
		}
		if w.Code == 500 && (strings.Contains(w.Body.String(), "a thing") || strings.Contains(w.Body.String(), "ERROR")) {
			t.Errorf("%s: the client sees %s", name, w.Body)
		}
	}
	post, log := logShop(t, func(c *gin.Context, _ *postgres.Tx) { c.JSON(http.StatusConflict, "no room") })
	if post("k"); log.Len() > 0 {
		t.Errorf("a refusal was logged: %s", log)
	}
}

func TestPlainHandlersTakeFormsWhereTheyAreAllowed(t *testing.T) {
	t.Parallel()
	router := gin.New()
	answer := func(c *gin.Context) { c.String(http.StatusOK, c.PostForm("kind")) }
	router.POST("/json", protection(t, middleware.Config{}).Protect(), answer)
	router.POST("/form", protection(t, middleware.Config{MediaTypes: []string{"application/x-www-form-urlencoded"}}).Protect(), answer)
	post := func(path, key, mediaType, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
		r.Header.Set("Content-Type", mediaType)
		r.Header.Set("Idempotency-Key", key)
		w := httptest.NewRecorder()
		router.ServeHTTP(w, r)
		return w
	}
	const form = "application/x-www-form-urlencoded"
	for _, test := range []struct {
		path, key, mediaType, body string
		status                     int
		answer                     string
	}{
		{"/json", "1", form, "kind=espresso", 415, ""},
		{"/form", "1", form, "kind=espresso", 200, "espresso"},
		{"/form", "1", form + "; charset=utf-8", "kind=espresso", 200, "espresso"},
		{"/form", "1", form, "kind=latte", 422, ""},
		{"/form", "1", form, "kind=espresso&", 422, ""}, // other bytes
		{"/form", "2", "text/plain", "kind=espresso", 415, ""},
		{"/form", "2", "multipart/form-data; boundary=x", "--x--", 415, ""},
		{"/form", "2", "application/json", "kind=espresso", 400, ""},
		{"/form", "2", "application/json", `{"kind":1}`, 200, ""},
		{"/form", "2", form, `{"kind":1}`, 422, ""},
	} {
		if w := post(test.path, test.key, test.mediaType, test.body); w.Code != test.status || test.status == 200 && w.Body.String() != test.answer {
			t.Errorf("%s %s %s %s: %d %s, want %d %s", test.path, test.key, test.mediaType, test.body, w.Code, w.Body, test.status, test.answer)
		}
	}
}

func TestPlainHandlersErrorForTheMiddlewareAroundKeepsNothing(t *testing.T) {
	t.Parallel()
	s := newShop(t, func(c *gin.Context, call int64) {
		if call == 1 {
			_ = c.Error(errors.New("out of beans"))
			return
		}
		c.Status(http.StatusNoContent)
	})
	if w := s.post("k", "{}"); w.Code != http.StatusInternalServerError { // 200 would be taken for an outcome
		t.Errorf("got %d for a handler that only reported an error, want 500", w.Code)
	}
	if s.made() != 0 {
		t.Error("a handler that reported an error left its writes")
	}
	if w := s.postFreed("k", "{}"); w.Code != 204 || w.Header().Get("Idempotent-Replayed") != "" || s.made() != 1 {
		t.Errorf("got %d and %d made, want the handler to run again", w.Code, s.made())
	}
}

// A middleware around Protect compresses for those who take it. The stored body is not compressed, and must not be said to be.
func TestPlainCopiesAreNotSaidToBeCompressedByTheMiddlewareAround(t *testing.T) {
	t.Parallel()
	once := protection(t, middleware.Config{})
	router := gin.New()
	router.Use(func(c *gin.Context) {
		if c.GetHeader("Accept-Encoding") == "gzip" {
			compress(c)
		}
	})
	router.POST("/", once.Protect(), func(c *gin.Context) { c.String(http.StatusOK, "plain text") })
	for i, encoding := range []string{"gzip", "", "gzip"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader("{}"))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", "k")
		r.Header.Set("Accept-Encoding", encoding)
		w := httptest.NewRecorder()
		router.ServeHTTP(w, r)
		if got := w.Header().Get("Content-Encoding"); got != encoding || (w.Body.String() == "plain text") != (encoding == "") {
			t.Errorf("request %d, which takes %q: got Content-Encoding %q and %q", i, encoding, got, w.Body)
		}
	}
}
