package payonce_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	payonce "github.com/payonce/payonce/client"
)

// sent is a request as the server would see it.
type sent struct {
	method, path, key, prefer, body string
	at                              time.Time
}

// server is a script in place of the network: each request gets the next answer, the last one again and again.
type server struct {
	mu      sync.Mutex
	answers []answer
	sent    []sent
	block   chan struct{} // when set, requests wait until it is closed
}

type answer func(*http.Request) (*http.Response, error)

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	body := ""
	if r.Body != nil {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = string(text)
	}
	s.mu.Lock()
	s.sent = append(s.sent, sent{r.Method, r.URL.RequestURI(), r.Header.Get("Idempotency-Key"), r.Header.Get("Prefer"), body, time.Now()})
	next := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	block := s.block
	s.mu.Unlock()
	if block != nil {
		<-block
	}
	return next(r)
}

func (s *server) requests() []sent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]sent(nil), s.sent...)
}

// then replaces the answers that are left.
func (s *server) then(answers ...answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers, s.sent = answers, nil
}

// says is an answer of the service; headers are pairs.
func says(status int, body string, headers ...string) answer {
	return func(r *http.Request) (*http.Response, error) {
		header := http.Header{"Content-Type": {"application/json"}}
		if status >= 400 {
			header.Set("Content-Type", "application/problem+json")
		}
		for i := 0; i+1 < len(headers); i += 2 {
			header.Set(headers[i], headers[i+1])
		}
		return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}
}

var errReset = errors.New("connection reset")

// lost is no answer: the request may have arrived or not.
func lost(*http.Request) (*http.Response, error) { return nil, errReset }

// cut is an answer that breaks off.
func cut(r *http.Request) (*http.Response, error) {
	body := io.MultiReader(strings.NewReader(`{"id":"ord`), broken{})
	return &http.Response{
		StatusCode: http.StatusCreated, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(body), Request: r,
	}, nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

var (
	created   = says(201, `{"id":"ord_1","amount":1999,"a_new_member":{"x":1}}`)
	inFlight  = says(409, `{"code":"idempotency-request-in-flight","retryable":true,"safe_new_key":false}`, "Retry-After", "1")
	away      = says(503, `{"code":"unavailable","retryable":true,"safe_new_key":false}`)
	wrong     = says(422, `{"code":"validation-failed","retryable":false,"safe_new_key":true,"errors":[{"pointer":"/amount","code":"too-small"}]}`)
	wrongHere = says(422, `{"code":"validation-failed","retryable":false,"safe_new_key":false}`)
	declined  = says(402, `{"code":"payment-declined","retryable":false,"safe_new_key":true,"payment_id":"pay_1","decline_code":"insufficient_funds"}`)
)

// client is a client of a script.
func client(t *testing.T, s *server, opt payonce.Options) *payonce.Client {
	t.Helper()
	opt.HTTP = &http.Client{Transport: s}
	c, err := payonce.New("https://pay.example/", "sk_test_of_nobody", opt)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func script(answers ...answer) *server { return &server{answers: answers} }

var order = payonce.CreateOrder{Amount: 1999, Currency: "EUR"}
