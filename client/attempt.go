package payonce

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"net/http"
	"strconv"
	"time"
)

// request is what is sent, again and again the same.
type request struct {
	operation    string
	method, path string // the path with its query
	key          string // empty: it only reads
	body         []byte // nil: none
}

// answer is what came back of one attempt; with err set nothing did, or not a whole answer of the service.
type answer struct {
	status   int
	replayed bool
	body     []byte
	problem  *Problem
	err      error
}

// maxAnswer bounds what is read of one answer, in bytes: far above a page of 100 of the largest documents.
const maxAnswer = 64 << 20

// send repeats a request until its outcome is known or a bound is reached. sent is about the attempts before the last one.
func (c *Client) send(ctx context.Context, r request) (_ *answer, sent copies, _ error) {
	ctx, cancel := context.WithTimeout(ctx, c.opt.Elapsed)
	defer cancel()
	for n := 1; ; n++ {
		a := c.attempt(ctx, r)
		again := a.again()
		var pause time.Duration
		if again && n < c.opt.Attempts {
			pause = c.pause(n, a)
		}
		c.observe(r, n, a, pause)
		if !again {
			if a.problem != nil {
				return nil, sent, a.problem
			}
			return a, sent, nil
		}
		sent = max(sent, pastCopies)
		if a.problem == nil || a.problem.Code == "" {
			sent = openCopies
		}
		if pause == 0 || !sleep(ctx, pause) {
			return nil, sent, c.undecided(ctx, r, n, a)
		}
	}
}

// again is the table of the package comment: whether the same request with the same key may still get its outcome.
func (a *answer) again() bool {
	switch {
	case a.err != nil:
		return true
	case a.problem == nil:
		return false
	case a.problem.Code != "":
		return a.problem.Retryable
	}
	// A gateway's word. What it says of its own state passes; it knows nothing of what the service did.
	switch a.status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return a.status >= http.StatusInternalServerError
}

// attempt sends the request once.
func (c *Client) attempt(ctx context.Context, r request) *answer {
	ctx, cancel := context.WithTimeout(ctx, c.opt.Timeout)
	defer cancel()
	req, err := c.request(ctx, r)
	if err != nil {
		return &answer{err: err}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return &answer{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return &answer{err: fmt.Errorf("the answer broke off: %w", err)}
	}
	a := &answer{status: resp.StatusCode, replayed: resp.Header.Get("Idempotent-Replayed") == "true", body: body}
	switch media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); {
	case a.status < 200 || a.status > 299:
		a.problem = readProblem(a.status, resp.Header, body)
	case media != "application/json" || !json.Valid(body): // a portal or a proxy that answers by itself
		a.err = fmt.Errorf("a %d that is not the service's: %s", a.status, media)
	}
	return a
}

func (c *Client) request(ctx context.Context, r request) (*http.Request, error) {
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.base+r.path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.apiKey)
	req.Header.Set("Accept", "application/json, application/problem+json")
	req.Header.Set("User-Agent", "payonce-go")
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.key == "" {
		return req, nil
	}
	req.Header.Set("Idempotency-Key", r.key)
	if seconds := int(c.opt.Wait / time.Second); seconds > 0 {
		req.Header.Set("Prefer", "wait="+strconv.Itoa(seconds))
	}
	return req, nil
}

// pause is how long to wait after the nth attempt. The random part is all of a time that doubles ("full jitter"), so that
// clients that were refused together don't come back together. Never 0.
func (c *Client) pause(n int, a *answer) time.Duration {
	most := c.opt.MaxPause
	if doubled := c.opt.Pause << min(n-1, 20); doubled > 0 && doubled < most {
		most = doubled
	}
	pause := 1 + rand.N(most)
	if a.problem != nil {
		pause += a.problem.RetryAfter
	}
	return pause
}

// sleep waits, and reports whether the time is over: at once false when the context ends before it would be. The client imports
// nothing of the server, so it has its own.
func sleep(ctx context.Context, d time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) < d {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// undecided is the error of a call that ended without an outcome. A request that only reads has none to be unknown.
func (c *Client) undecided(ctx context.Context, r request, attempts int, a *answer) error {
	last := a.err
	if a.problem != nil {
		last = a.problem
	}
	if errors.Is(ctx.Err(), context.Canceled) && !errors.Is(last, context.Canceled) {
		last = errors.Join(last, context.Canceled)
	}
	if r.key == "" {
		return fmt.Errorf("payonce: %s %s, after %d attempts: %w", r.method, r.path, attempts, last)
	}
	return &UnknownOutcomeError{Operation: r.operation, Key: r.key, Attempts: attempts, Err: last}
}

func (c *Client) observe(r request, n int, a *answer, pause time.Duration) {
	if c.opt.Observe == nil {
		return
	}
	seen := Attempt{
		Operation: r.operation, Method: r.method, Path: r.path, Key: r.key, Number: n, Status: a.status, Replayed: a.replayed,
		Err: a.err, Pause: pause,
	}
	if a.problem != nil {
		seen.Err = a.problem
	}
	c.opt.Observe(seen)
}
