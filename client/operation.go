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
	fresh := Entry{Key: rand.Text(), Request: digest(method, path, text)}
	entry, err := c.opt.Store.Claim(ctx, operation, fresh)
	if err != nil {
		return "", fmt.Errorf("payonce: keep the key of %q: %w", operation, err) // nothing was sent
	}
	if entry.Request != fresh.Request {
		return "", fmt.Errorf("%w: %q", ErrOtherRequest, operation)
	}
	answer, sure, err := c.send(ctx, request{operation: operation, method: method, path: path, key: entry.Key, body: text})
	if err != nil {
		sure = sure && entry.Key == fresh.Key // of an earlier call nothing is known
		return "", c.refused(ctx, operation, entry.Key, sure, err)
	}
	return entry.Key, decode(answer.body, into)
}

// refused releases the key when the refusal makes a new one safe.
func (c *Client) refused(ctx context.Context, operation, key string, sure bool, err error) error {
	problem, ok := err.(*Problem) //nolint:errorlint // not the one that an unknown outcome wraps
	if !ok || !problem.SafeNewKey || (!sure && !problem.final()) {
		return err
	}
	// Also when the caller has gone: what was learned is lost otherwise.
	if failed := c.opt.Store.Release(context.WithoutCancel(ctx), operation, key); failed != nil {
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
