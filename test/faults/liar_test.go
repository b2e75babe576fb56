package faults

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/payonce/payonce/test/service"
)

// secretWord stands in every false answer; no client may ever read it.
const secretWord = "word-of-the-provider"

// liar is a provider in front of the simulator, which charges as it is told. Its next answer to a call can be another one.
type liar struct {
	server *httptest.Server
	mu     sync.Mutex
	next   func(w http.ResponseWriter, truth []byte)
	told   int
	asked  atomic.Int64 // what came to where it redirects
}

func startLiar(t *testing.T, behind *service.Simulator) *liar {
	t.Helper()
	l := &liar{}
	l.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { l.serve(w, r, behind.URL()) }))
	t.Cleanup(l.server.Close)
	return l
}

// lies makes the next answer to a call another one than the provider's.
func (l *liar) lies(lie func(w http.ResponseWriter, truth []byte)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next = lie
}

func (l *liar) hits() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.told
}

func (l *liar) serve(w http.ResponseWriter, r *http.Request, behind string) {
	if strings.HasPrefix(r.URL.Path, "/elsewhere") {
		l.asked.Add(1)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	req, err := http.NewRequestWithContext(context.Background(), r.Method, behind+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	req.Header = r.Header.Clone()
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer func() { _ = resp.Body.Close() }()
	truth, err := io.ReadAll(resp.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	l.mu.Lock()
	lie := l.next
	if r.Method == http.MethodPost && lie != nil {
		l.next, l.told = nil, l.told+1
	}
	l.mu.Unlock()
	if r.Method == http.MethodPost && lie != nil {
		lie(w, truth)
		return
	}
	maps.Copy(w.Header(), resp.Header)
	w.WriteHeader(resp.StatusCode)
	_, _ = w.Write(truth) // a caller that is gone asks again
}

// says answers with a status, a type and a text.
func says(status int, contentType, text string) func(http.ResponseWriter, []byte) {
	return func(w http.ResponseWriter, _ []byte) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("X-Said", secretWord)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}
}

// changes answers with the truth, one word of it replaced.
func changes(from, to string) func(http.ResponseWriter, []byte) {
	return func(w http.ResponseWriter, truth []byte) {
		says(http.StatusOK, "application/json", strings.ReplaceAll(string(truth), from, to))(w, nil)
	}
}

// status is what any object of the provider's says of its state.
var status = regexp.MustCompile(`"status":"[a-z_]+"`)

// endless answers with 50 MB.
func endless(w http.ResponseWriter, _ []byte) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"id":"`+secretWord)
	some := bytes.Repeat([]byte{'a'}, 1<<20)
	for range 50 {
		if _, err := w.Write(some); err != nil {
			return
		}
	}
}

// falsehoods are the answers to a call that was charged, and the reason that the payment has afterwards.
func (l *liar) falsehoods() map[string]falsehood {
	html := "<html>" + secretWord + "</html>"
	failure := `{"error":{"type":"api_error","message":"` + secretWord + `"}}`
	return map[string]falsehood{
		"500":                      {says(http.StatusInternalServerError, "application/json", failure), unknownOutcome},
		"502 of a gateway":         {says(http.StatusBadGateway, "text/html", html), unknownOutcome},
		"503":                      {says(http.StatusServiceUnavailable, "application/json", failure), unknownOutcome},
		"409":                      {says(http.StatusConflict, "application/json", failure), unknownOutcome},
		"429":                      {says(http.StatusTooManyRequests, "application/json", failure), unknownOutcome},
		"400 of a gateway":         {says(http.StatusBadRequest, "text/html", html), unknownOutcome},
		"200 with a page":          {says(http.StatusOK, "text/html", html), unknownOutcome},
		"200 with half a document": {says(http.StatusOK, "application/json", `{"id":"`+secretWord), unknownOutcome},
		"200 with nothing":         {says(http.StatusOK, "application/json", ""), unknownOutcome},
		"200 with a status that is not in the table": {func(w http.ResponseWriter, truth []byte) {
			says(http.StatusOK, "application/json", status.ReplaceAllString(string(truth), `"status":"`+secretWord+`"`))(w, nil)
		}, unknownOutcome},
		"50 MB": {endless, unknownOutcome},
		"a redirect": {func(w http.ResponseWriter, _ []byte) {
			w.Header().Set("Location", l.server.URL+"/elsewhere/"+secretWord)
			w.WriteHeader(http.StatusTemporaryRedirect)
		}, unknownOutcome},
		"another amount":   {changes("1999", "2999"), needsReview},
		"another currency": {changes(`"currency":"eur"`, `"currency":"usd"`), needsReview},
	}
}

type falsehood struct {
	lie    func(w http.ResponseWriter, truth []byte)
	reason string
}
