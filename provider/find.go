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
	// clockMargin widens what is read: the list is filtered by the provider's clock, the times come from ours.
	clockMargin = time.Minute
	// maxOthers bounds Result.Others.
	maxOthers = 10
	// pagesAfterMatch are read beyond the window of a match, to see a second one.
	pagesAfterMatch = 10
)

// FindRequest says which payment intent is looked for when its reference is not known.
type FindRequest struct {
	// PaymentID and MerchantID are the metadata that Authorize sent.
	PaymentID, MerchantID string
	// Amount (minor units) and Currency (ISO 4217) choose among several matches. An intent with another amount or
	// currency is returned all the same, so that the caller sees the discrepancy.
	Amount   int64
	Currency string
	// Since is when the first request may have been sent, Until when the last one may have been; zero is open. A minute is
	// taken off and added for clocks that differ. Later, when it is after Until, is read up to afterwards.
	Since, Until, Later time.Time
	// Now is the time of this look-up, by the clock that Since is of. Without it, Result.Position is always "".
	Now time.Time
	// Position is Result.Position of the Find before; "" reads from the beginning.
	Position string
}

// Find looks for the payment intent in the provider's list. The list is used because it is consistent, which the
// provider's search is not. NotFound needs every page of every window to have been read; a page that is missing or
// malformed, and a deadline that ends the reading, make the outcome Unknown.
func (c *Client) Find(ctx context.Context, r FindRequest) Result[Intent] {
	const op = "find"
	if r.PaymentID == "" || r.MerchantID == "" {
		return Result[Intent]{Outcome: NotSent, Err: errors.New(op + ": payment id and merchant id must not be empty")}
	}
	return c.intents().lookUp(ctx, op, func(ctx context.Context) Result[Intent] {
		s := search{client: c, request: r, spare: pagesAfterMatch, closed: !r.Now.IsZero()}
		return s.run(ctx)
	})
}

// search is one Find. It keeps matches only, so its memory doesn't grow with the list.
type search struct {
	client  *Client
	request FindRequest
	matches []*Intent
	spare   int    // pages that may still be read beyond the window of a match
	closed  bool   // every window so far lies in the past: what was read of it stays read
	reached string // the position up to which all windows are closed
}

func (s *search) run(ctx context.Context) Result[Intent] {
	plan := s.request.plan()
	first, after := resume(plan, s.request.Position)
	s.reached = s.request.Position
	for _, w := range plan[first:] {
		s.closed = s.closed && w.to != 0 && w.to < s.request.Now.Add(-clockMargin).Unix()
		whole := len(s.matches) == 0 // also the window of the first match
		if res, ok := s.read(ctx, w, after, whole); !ok {
			return res
		}
		if len(s.matches) > 0 && s.spare <= 0 {
			break
		}
		after = ""
	}
	return s.result(Result[Intent]{Outcome: NotFound, HTTPStatus: http.StatusOK})
}

// read reads one window, newest first. ok is false when the search ends here, with res.
func (s *search) read(ctx context.Context, w window, after string, whole bool) (res Result[Intent], ok bool) {
	const op = "find"
	for whole || s.spare > 0 {
		if s.closed {
			s.reached = w.position(after)
		}
		rep := s.client.do(ctx, request{method: http.MethodGet, path: intentsPath, query: w.query(after)}, limits{})
		if rep.err != nil || rep.status < 200 || rep.status > 299 {
			return s.result(s.client.intents().classify(op, rep)), false
		}
		next, err := s.page(rep, after)
		if err != nil {
			return s.result(Result[Intent]{HTTPStatus: rep.status, Err: fmt.Errorf("%s: %w", op, err)}), false
		}
		if !whole {
			s.spare--
		}
		if next == "" {
			return Result[Intent]{}, true
		}
		after = next
	}
	return Result[Intent]{}, true
}

// result is what the search came to: a match counts, whatever ended the search for a second one.
func (s *search) result(otherwise Result[Intent]) Result[Intent] {
	if len(s.matches) == 0 {
		// A refusal may be about the position itself: then the next Find begins anew.
		if otherwise.Outcome != NotFound && otherwise.Outcome != Refused {
			otherwise.Position = s.reached
		}
		return otherwise
	}
	best := 0
	for i, in := range s.matches {
		if s.request.weight(in) > s.request.weight(s.matches[best]) {
			best = i
		}
	}
	res := Result[Intent]{Outcome: Answered, HTTPStatus: http.StatusOK, Object: s.matches[best]}
	for i, in := range s.matches {
		if i != best {
			res.Others = append(res.Others, in)
		}
	}
	return res
}

// page notes the matches on one page, and returns the reference to page on from ("" on the last page).
func (s *search) page(rep reply, after string) (next string, err error) {
	intents, next, err := s.client.intents().page(rep, after)
	for _, in := range intents {
		if s.request.matches(in) {
			s.note(in)
		}
	}
	return next, err
}

// note keeps a match, once.
func (s *search) note(in *Intent) {
	for _, known := range s.matches {
		if known.Reference == in.Reference {
			return
		}
	}
	if len(s.matches) <= maxOthers {
		s.matches = append(s.matches, in)
	}
}

// matches needs both ids: a payment id alone could have been written by another merchant's request.
func (r FindRequest) matches(in *Intent) bool {
	return in.Metadata["payment_id"] == r.PaymentID && in.Metadata["merchant_id"] == r.MerchantID
}

// weight orders several matches: first what moved or holds money, then what still may, last what ended without any; and
// among those the one that was asked for.
func (r FindRequest) weight(in *Intent) int {
	weight := 2
	switch {
	case in.AmountReceived > 0, in.AmountCapturable > 0, in.Status == "succeeded", in.Status == "requires_capture":
		weight = 4
	case in.Status == "canceled", in.Status == "requires_payment_method" && in.Failed:
		weight = 0
	}
	if in.Amount == r.Amount && in.Currency == r.Currency {
		weight++
	}
	return weight
}

// query asks for one page of a window.
func (w window) query(after string) url.Values {
	q := url.Values{"limit": {strconv.Itoa(pageSize)}}
	if w.from != 0 {
		q.Set("created[gte]", strconv.FormatInt(w.from, 10))
	}
	if w.to != 0 {
		q.Set("created[lte]", strconv.FormatInt(w.to, 10))
	}
	if after != "" {
		q.Set("starting_after", after)
	}
	return q
}
