package payonce

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Key is what became of an idempotency key.
type Key struct {
	Key        string     `json:"key"`
	State      string     `json:"state"` // in_progress, completed, expired, canceled
	Method     string     `json:"method"`
	Path       string     `json:"path"`
	Status     int        `json:"status"` // of the stored response
	Resource   *Resource  `json:"resource"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at"`  // when replay ends
	CanceledAt *time.Time `json:"canceled_at"` // when it was given up, and what it had done was undone
}

// Resource points to what a request made or changed.
type Resource struct {
	Type string `json:"type"`
	ID   string `json:"id"`
	Href string `json:"href"`
}

// KeyCancellation is what became of a key that was given up.
type KeyCancellation struct {
	Key        string     `json:"key"`
	State      string     `json:"state"`  // canceled: nothing was and nothing will be done under it; completed: it was undone
	Effect     string     `json:"effect"` // what there was to undo: none, voided, refunded, order_canceled, pending
	Resource   *Resource  `json:"resource"`
	CanceledAt *time.Time `json:"canceled_at"`
}

// GetKey asks what became of a key.
func (c *Client) GetKey(ctx context.Context, key string) (*Key, error) {
	return get[Key](ctx, c, "/v1/idempotency-keys/"+url.PathEscape(key))
}

// CancelKey gives up on a key: a request that has not arrived never will be executed, and what was done is undone. Its own
// key follows from the one that is given up, so no store is needed.
func (c *Client) CancelKey(ctx context.Context, key string) (*KeyCancellation, error) {
	sum := sha256.Sum256([]byte(key))
	r := request{
		operation: "give up on " + key, method: http.MethodPost, path: "/v1/idempotency-keys/" + url.PathEscape(key) + "/cancel",
		key: "give-up-" + hex.EncodeToString(sum[:16]),
	}
	answer, _, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	out := &KeyCancellation{}
	return out, decode(answer.body, out)
}

// GiveUp ends an operation that is not wanted any more: its key is canceled at the server, what it had done is undone, and
// when both are certain the key is released, so that the operation may begin anew with other values. While the provider's
// word is awaited the error is [ErrProcessing]; what can't be undone is a [*Problem], and then the key stays.
func (c *Client) GiveUp(ctx context.Context, operation string) (*KeyCancellation, error) {
	if operation == "" {
		return nil, errUnnamed
	}
	done, err := c.running.enter(ctx, operation)
	if err != nil {
		return nil, err
	}
	defer done()
	entry, ok, err := c.opt.Store.Find(ctx, operation)
	if err != nil {
		return nil, fmt.Errorf("payonce: find the key of %q: %w", operation, err)
	}
	if !ok {
		return nil, fmt.Errorf("%w: the store has no key of %q", ErrNoOperation, operation)
	}
	out, err := c.CancelKey(ctx, entry.Key)
	if err != nil {
		return nil, err
	}
	if out.CanceledAt == nil { // 202: it is undone as soon as its outcome is known
		err := c.poll(ctx, func() (bool, error) {
			key, err := c.GetKey(ctx, entry.Key)
			if err != nil {
				return false, err
			}
			out.CanceledAt = key.CanceledAt
			return key.CanceledAt != nil, nil
		})
		if err != nil {
			return out, err
		}
	}
	return out, c.opt.Store.Release(ctx, operation, entry.Key)
}

// poll asks until it is known, or Elapsed is over: then the error is [ErrProcessing].
func (c *Client) poll(ctx context.Context, known func() (bool, error)) error {
	limit, cancel := context.WithTimeout(ctx, c.opt.Elapsed)
	defer cancel()
	for n := 1; ; n++ {
		if ok, err := known(); ok || err != nil {
			return err
		}
		if !sleep(limit, c.pause(n, &answer{})) {
			if ctx.Err() != nil {
				return fmt.Errorf("%w: %w", ErrProcessing, ctx.Err())
			}
			return ErrProcessing
		}
	}
}
