package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"time"
)

// clientLimit bounds one request: far above PROVIDER_TIMEOUT and the lease, so that only what hangs gets there.
const clientLimit = 30 * time.Second

// newHTTPClient follows no redirects, and connects to nothing but the address that it is given.
func newHTTPClient() *http.Client {
	return &http.Client{
		Timeout:       clientLimit,
		Transport:     &http.Transport{MaxIdleConnsPerHost: copies, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// once hides what the body is made of: the transport can't rewind it, so it can't send a request again by itself.
type once struct{ io.Reader }

// answer is what came back; with err set it is the lack of an answer, and the request may or may not have had its effect.
type answer struct {
	status int
	header http.Header
	body   []byte
	err    error
}

// field is a top-level text of the body, "" when there is none.
func (a answer) field(name string) string { return member[string](a, name) }

// flag is a top-level boolean of the body, false when there is none.
func (a answer) flag(name string) bool { return member[bool](a, name) }

func member[T any](a answer, name string) (value T) {
	var members map[string]any
	_ = json.Unmarshal(a.body, &members)
	value, _ = members[name].(T)
	return value
}

func (a answer) replayed() bool { return a.header.Get("Idempotent-Replayed") == "true" }

// same reports whether two clients hold the same outcome.
func (a answer) same(b answer) bool {
	return a.status == b.status && bytes.Equal(a.body, b.body) && a.header.Get("Location") == b.header.Get("Location")
}

func (a answer) String() string {
	if a.err != nil {
		return a.err.Error()
	}
	return fmt.Sprintf("%d %.200s", a.status, a.body)
}

// call is one request to a replica.
type call struct {
	method, path, body string
	key                string // Idempotency-Key, "" sends none
	wait               bool   // Prefer: wait, for as long as the service allows
}

// send makes one request, and closes written when it is on the wire.
func (s *side) send(ctx context.Context, client *http.Client, at int, c call, written *signal) answer {
	defer written.send()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { written.send() }})
	req, err := http.NewRequestWithContext(ctx, c.method, s.replicas[at].url+c.path, once{strings.NewReader(c.body)})
	if err != nil {
		return answer{err: err}
	}
	req.ContentLength = int64(len(c.body))
	req.Header.Set("Authorization", "Bearer "+s.apiKey)
	if c.body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.key != "" {
		req.Header.Set("Idempotency-Key", c.key)
	}
	if c.wait {
		req.Header.Set("Prefer", "wait=10")
	}
	resp, err := client.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{status: resp.StatusCode, header: resp.Header, body: body, err: err}
}

// signal is given once, however often it is sent.
type signal struct {
	once sync.Once
	done chan struct{}
}

func newSignal() *signal { return &signal{done: make(chan struct{})} }

func (s *signal) send() { s.once.Do(func() { close(s.done) }) }

func (s *signal) given() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}
