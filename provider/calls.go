package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// kind is one kind of the provider's objects, and the calls about it. What is sent differs from kind to kind; how often, for how
// long, and what an answer proves, doesn't.
type kind[T any] struct {
	client    *Client
	path      string // of the list; an object's is this, a slash and its reference
	parse     func(body []byte) (*T, error)
	shown     func(e *wireError) json.RawMessage // the object that came with an error; nil: none
	reference func(object *T) string
	// known is for a call about an object that exists: a refusal that shows it says where it stands, and not that one was made.
	known bool
}

// about takes an answer about another object for none: it was mixed up on the way. So is a decline that shows another one.
func (k kind[T]) about(op, reference string, res Result[T]) Result[T] {
	if res.Object != nil && k.reference(res.Object) != reference {
		return Result[T]{HTTPStatus: res.HTTPStatus, Err: errors.New(op + ": answer is about another object")}
	}
	return res
}

// mutate makes one call that may move money: through the breaker, and observed.
func (k kind[T]) mutate(ctx context.Context, op string, req request) Result[T] {
	c, start := k.client, time.Now()
	ctx, end := c.trace.Start(ctx, "provider "+op)
	done, err := c.breaker.Allow()
	if err != nil {
		res := Result[T]{Outcome: NotSent, Err: fmt.Errorf("%s: %w", op, ErrUnavailable)}
		c.observe(op, res.Outcome, time.Since(start))
		end(res.Err)
		return res
	}
	var res Result[T]
	// Deferred, so that a panic counts as a failure instead of keeping the half-open breaker's only place for ever.
	defer func() {
		done(breakerError(res.Outcome, res.HTTPStatus, res.Code))
		c.observe(op, res.Outcome, time.Since(start))
		end(res.Err)
	}()
	until := limits{start.Add(c.timeout)}
	// The caller's deadline was taken before this call and before any sleep; the one made here may come after it.
	if deadline, ok := ctx.Deadline(); ok {
		until = append(until, deadline)
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	res = k.classify(op, c.do(ctx, req, until))
	return res
}

// retrieve reads one object by its reference.
func (k kind[T]) retrieve(ctx context.Context, op, reference string) Result[T] {
	if !isReference(reference) {
		return Result[T]{Outcome: NotSent, Err: fmt.Errorf("%s: %w", op, errReference)}
	}
	return k.lookUp(ctx, op, func(ctx context.Context) Result[T] {
		res := k.classify(op, k.client.do(ctx, request{method: http.MethodGet, path: k.path + "/" + reference}, limits{}))
		if res.Outcome == Refused && res.HTTPStatus == http.StatusNotFound && res.Code == codeResourceMissing {
			return Result[T]{Outcome: NotFound, HTTPStatus: res.HTTPStatus, Code: res.Code}
		}
		return k.about(op, reference, res)
	})
}

// lookUp runs one reading operation with the total deadline, observed, without the breaker. A look-up cannot be declined:
// what claims so is no answer to it, and must not end a payment.
func (k kind[T]) lookUp(ctx context.Context, op string, ask func(context.Context) Result[T]) Result[T] {
	start := time.Now()
	ctx, end := k.client.trace.Start(ctx, "provider "+op)
	ctx, cancel := context.WithTimeout(ctx, k.client.timeout)
	defer cancel()
	res := ask(ctx)
	if res.Outcome == Declined {
		res = Result[T]{HTTPStatus: res.HTTPStatus, Err: errors.New(op + ": declined, which is no answer to a look-up")}
	}
	k.client.observe(op, res.Outcome, time.Since(start))
	end(res.Err)
	return res
}
