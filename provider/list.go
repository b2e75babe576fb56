package provider

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// ListRequest asks for one page of what the provider made in a range of time, newest first.
type ListRequest struct {
	// From and To are both included, by the provider's clock and in whole seconds.
	From, To time.Time
	// After is Page.Next of the page before; "" is the newest page.
	After string
}

// Page is a part of one of the provider's lists, newest first.
type Page[T any] struct {
	Objects []*T
	Next    string // where the next page begins; "" on the last one
}

// ListIntents reads one page of the account's payment intents, of other programs' as well. It does not pass through the breaker.
func (c *Client) ListIntents(ctx context.Context, r ListRequest) (Page[Intent], error) {
	return c.intents().list(ctx, "list_intents", r)
}

// ListRefunds reads one page of the account's refunds.
func (c *Client) ListRefunds(ctx context.Context, r ListRequest) (Page[Refund], error) {
	return c.refunds().list(ctx, "list_refunds", r)
}

// list reads one page. An error says nothing of what the page holds: it may be read again.
func (k kind[T]) list(ctx context.Context, op string, r ListRequest) (page Page[T], err error) {
	if r.After != "" && !isReference(r.After) {
		return page, fmt.Errorf("%s: %w", op, errReference)
	}
	query := url.Values{
		"created[gte]": {strconv.FormatInt(r.From.Unix(), 10)}, "created[lte]": {strconv.FormatInt(r.To.Unix(), 10)},
		"limit": {strconv.Itoa(pageSize)},
	}
	if r.After != "" {
		query.Set("starting_after", r.After)
	}
	res := k.lookUp(ctx, op, func(ctx context.Context) Result[T] {
		rep := k.client.do(ctx, request{method: http.MethodGet, path: k.path, query: query}, limits{})
		if rep.err != nil || rep.status < 200 || rep.status > 299 {
			return k.classify(op, rep)
		}
		if page.Objects, page.Next, err = k.page(rep, r.After); err != nil {
			return Result[T]{HTTPStatus: rep.status, Err: fmt.Errorf("%s: %w", op, err)}
		}
		return Result[T]{Outcome: Answered, HTTPStatus: rep.status}
	})
	if res.Outcome != Answered {
		return Page[T]{}, res.Err
	}
	return page, nil
}
