package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

const (
	pageSize = 100
	// maxPages bounds a look-up whose window holds more intents than anybody would page through in one deadline.
	maxPages = 100
	// clockMargin widens the window: the list is filtered by the provider's clock, the window is read from ours.
	clockMargin = time.Minute
)

var errTooManyPages = fmt.Errorf("not among the newest %d payment intents, and there are more", maxPages*pageSize)

// FindRequest says which payment intent is looked for when its reference is not known.
type FindRequest struct {
	// PaymentID and MerchantID are the metadata that Authorize sent.
	PaymentID, MerchantID string
	// Amount (minor units) and Currency (ISO 4217) choose among several matches. An intent with another amount or
	// currency is returned all the same, so that the caller sees the discrepancy.
	Amount   int64
	Currency string
	// Since is when the first request may have been sent, Until when the last one may have been; zero is open. A minute is
	// taken off and added for clocks that differ.
	Since, Until time.Time
}

// Find looks for the payment intent in the provider's list, newest first. The list is used because it is consistent,
// which the provider's search is not. NotFound needs every page to have been read; a page that is missing, malformed or
// beyond the bound makes the outcome Unknown.
func (c *Client) Find(ctx context.Context, r FindRequest) Result {
	const op = "find"
	if r.PaymentID == "" || r.MerchantID == "" {
		return Result{Outcome: NotSent, Err: errors.New(op + ": payment id and merchant id must not be empty")}
	}
	return c.lookUp(ctx, op, func(ctx context.Context) Result {
		after := ""
		for range maxPages {
			rep := c.do(ctx, request{method: http.MethodGet, path: intentsPath, query: r.query(after)})
			if rep.err != nil || rep.status < 200 || rep.status > 299 {
				return c.judge(op, rep)
			}
			found, next, err := c.searchPage(rep, r)
			if err != nil {
				return Result{HTTPStatus: rep.status, Err: fmt.Errorf("%s: %w", op, err)}
			}
			if found != nil {
				return Result{Outcome: Answered, Intent: found, HTTPStatus: rep.status}
			}
			if next == "" {
				return Result{Outcome: NotFound, HTTPStatus: rep.status}
			}
			after = next
		}
		return Result{HTTPStatus: http.StatusOK, Err: fmt.Errorf("%s: %w", op, errTooManyPages)}
	})
}

func (r FindRequest) query(after string) url.Values {
	q := url.Values{"limit": {strconv.Itoa(pageSize)}}
	if !r.Since.IsZero() {
		q.Set("created[gte]", strconv.FormatInt(r.Since.Add(-clockMargin).Unix(), 10))
	}
	if !r.Until.IsZero() {
		q.Set("created[lte]", strconv.FormatInt(r.Until.Add(clockMargin).Unix(), 10))
	}
	if after != "" {
		q.Set("starting_after", after)
	}
	return q
}

// searchPage returns the match on one page, or the reference to page on from ("" on the last page).
func (c *Client) searchPage(rep reply, r FindRequest) (found *Intent, next string, err error) {
	if !isJSON(rep.contentType) {
		return nil, "", errNotJSON
	}
	list, err := parseList(rep.body)
	if err != nil {
		return nil, "", err
	}
	for _, raw := range list.Data {
		in, err := c.parseIntent(raw)
		if err != nil {
			return nil, "", err // it could be the one that is looked for
		}
		next = in.Reference
		if !r.matches(in) {
			continue
		}
		if in.Amount == r.Amount && in.Currency == r.Currency {
			return in, "", nil
		}
		if found == nil {
			found = in
		}
	}
	if !*list.HasMore {
		next = ""
	}
	return found, next, nil
}

// matches needs both ids: a payment id alone could have been written by another merchant's request.
func (r FindRequest) matches(in *Intent) bool {
	return in.Metadata["payment_id"] == r.PaymentID && in.Metadata["merchant_id"] == r.MerchantID
}
