package payonce

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
)

// once runs a request that changes something, under the operation's key until its outcome is known, and returns the key.
func (c *Client) once(ctx context.Context, operation, method, path string, body, into any) (key string, _ error) {
	if operation == "" {
		return "", errUnnamed
	}
	text, err := encode(body)
	if err != nil {
		return "", err
	}
	done, err := c.running.enter(ctx, operation)
	if err != nil {
		return "", err
	}
	defer done()
	claim, err := c.claim(ctx, operation, digest(method, path, text))
	if err != nil {
		return "", err // nothing was sent
	}
	answer, sent, err := c.send(ctx, request{operation: operation, method: method, path: path, key: claim.key, body: text})
	if err != nil {
		claim.sent = max(claim.sent, sent)
		return "", c.refused(ctx, operation, claim, err)
	}
	return claim.key, decode(answer.body, into)
}

// copies says what is known of the copies of a request that were sent under its key before the last one.
type copies int

const (
	noCopies   copies = iota // there are none, or only those that were refused before the server looked the key up
	pastCopies               // each had an answer of the service: none is still on its way
	openCopies               // of one nothing is known: it may have happened, and it may still arrive
)

// claim is the key under which a call sends its request.
type claim struct {
	key   string
	fresh bool // drawn by this call
	sent  copies
}

func (c *Client) claim(ctx context.Context, operation, request string) (claim, error) {
	fresh := Entry{Key: rand.Text(), Request: request}
	kept, err := c.opt.Store.Claim(ctx, operation, fresh)
	free := err == nil && kept.Request == ""
	if free {
		kept, err = c.replace(ctx, operation, Entry{Key: kept.Key, Request: request})
	}
	if err != nil {
		return claim{}, fmt.Errorf("payonce: keep the key of %q: %w", operation, err)
	}
	if kept.Request != request {
		return claim{}, fmt.Errorf("%w: %q", ErrOtherRequest, operation)
	}
	if kept.Key == fresh.Key || free {
		return claim{kept.Key, kept.Key == fresh.Key, noCopies}, nil
	}
	return claim{kept.Key, false, openCopies}, nil
}

// replace changes what is kept of a key. When another program claims the operation in between, that one's entry is returned.
func (c *Client) replace(ctx context.Context, operation string, entry Entry) (Entry, error) {
	if err := c.opt.Store.Release(ctx, operation, entry.Key); err != nil {
		return Entry{}, err
	}
	return c.opt.Store.Claim(ctx, operation, entry)
}

// refused releases the key when the refusal makes a new one safe. When it shows only that this call did nothing, the key stays
// and becomes free for other values: a program that shares the store may have sent it too, and of two requests under one key
// the server executes one.
func (c *Client) refused(ctx context.Context, operation string, claim claim, err error) error {
	problem, ok := err.(*Problem) //nolint:errorlint // not the one that an unknown outcome wraps
	if !ok {
		return err
	}
	ctx = context.WithoutCancel(ctx) // also when the caller has gone: what was learned is lost otherwise
	safe := problem.SafeNewKey && claim.sent != openCopies
	var failed error
	switch {
	case problem.final() || (safe && claim.fresh):
		failed = c.opt.Store.Release(ctx, operation, claim.key)
	case safe || (problem.beforeKey() && claim.sent == noCopies):
		_, failed = c.replace(ctx, operation, Entry{Key: claim.key})
	}
	if failed != nil {
		return fmt.Errorf("%w (and its key could not be released: %w)", err, failed)
	}
	return err
}

// read runs a request that changes nothing.
func (c *Client) read(ctx context.Context, path string, into any) error {
	answer, _, err := c.send(ctx, request{method: http.MethodGet, path: path})
	if err != nil {
		return err
	}
	return decode(answer.body, into)
}

// Forget drops an operation's key: the next call of the operation draws a new one. For operations that have ended long ago and
// will not be called again. While an outcome is unknown it is [Client.GiveUp] that makes a new key safe, and not this.
func (c *Client) Forget(ctx context.Context, operation string) error {
	entry, ok, err := c.opt.Store.Find(ctx, operation)
	if err != nil || !ok {
		return err
	}
	return c.opt.Store.Release(ctx, operation, entry.Key)
}

func encode(body any) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("payonce: encode the request: %w", err)
	}
	return text, nil
}

// decode reads an answer. Members and values that this release doesn't know are no error: the API may add to them.
func decode(text []byte, into any) error {
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("payonce: read the answer: %w", err)
	}
	return nil
}

// digest stands for a request in the store, which so holds nothing of its contents.
func digest(method, path string, body []byte) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s\n%s", method, path, body))
	return hex.EncodeToString(sum[:])
}

// operations lets the calls of one operation run one after the other: while one is on its way, no other may conclude from its
// own refusal that the key is free.
type operations struct {
	mu      sync.Mutex
	running map[string]*turn
}

type turn struct {
	token chan struct{} // of capacity 1; full while a call runs
	calls int           // that run or wait
}

// enter waits until no other call of the operation runs.
func (o *operations) enter(ctx context.Context, operation string) (done func(), _ error) {
	o.mu.Lock()
	if o.running == nil {
		o.running = map[string]*turn{}
	}
	t := o.running[operation]
	if t == nil {
		t = &turn{token: make(chan struct{}, 1)}
		o.running[operation] = t
	}
	t.calls++
	o.mu.Unlock()
	leave := func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if t.calls--; t.calls == 0 {
			delete(o.running, operation)
		}
	}
	select {
	case t.token <- struct{}{}:
		return func() { <-t.token; leave() }, nil
	case <-ctx.Done():
		leave()
		return nil, ctx.Err()
	}
}
