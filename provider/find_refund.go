package provider

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// FindRefundRequest says which refund is looked for when its reference is not known.
type FindRefundRequest struct {
	// Intent is the reference of the payment intent that was refunded.
	Intent string
	// OperationID and MerchantID are the metadata that Refund sent.
	OperationID, MerchantID string
	// Position is Result.Position of the FindRefund before; "" reads from the beginning.
	Position string
}

// FindRefund looks for a refund in the provider's list of one intent's refunds, newest first. NotFound needs every page to
// have been read; a page that is missing or malformed, and a deadline that ends the reading, make the outcome Unknown, with
// the Position where the next one goes on.
func (c *Client) FindRefund(ctx context.Context, r FindRefundRequest) Result[Refund] {
	const op = "find_refund"
	switch {
	case !isReference(r.Intent):
		return Result[Refund]{Outcome: NotSent, Err: fmt.Errorf("%s: %w", op, errReference)}
	case r.OperationID == "" || r.MerchantID == "":
		return Result[Refund]{Outcome: NotSent, Err: errors.New(op + ": operation id and merchant id must not be empty")}
	}
	return c.refunds().lookUp(ctx, op, func(ctx context.Context) Result[Refund] {
		s := refundSearch{kind: c.refunds(), request: r, spare: pagesAfterMatch}
		return s.run(ctx)
	})
}

// refundSearch is one FindRefund. The list has its newest refund first, so a search that goes on at an older page misses what
// was made since: it reads the list's beginning again, up to the refund that was the newest one when the search began.
type refundSearch struct {
	kind          kind[Refund]
	request       FindRefundRequest
	matches       []*Refund
	spare         int    // pages that may still be read after a match
	newest, after string // together the position
}

func (s *refundSearch) run(ctx context.Context) Result[Refund] {
	s.newest, s.after = s.request.position()
	resumed := s.after != ""
	if res, ok := s.read(ctx, ""); !ok {
		return res
	}
	if resumed {
		if res, ok := s.read(ctx, s.newest); !ok {
			return res
		}
	}
	return s.result(Result[Refund]{Outcome: NotFound, HTTPStatus: http.StatusOK})
}

// read reads on to the last page, or to the one that holds the refund known. ok is false when the search ends here, with res.
func (s *refundSearch) read(ctx context.Context, known string) (res Result[Refund], ok bool) {
	const op = "find_refund"
	after := s.after
	if known != "" {
		after = "" // a failure from here on repeats only this: the position stays at the list's last page
	}
	for len(s.matches) == 0 || s.spare > 0 {
		rep := s.kind.client.do(ctx, request{method: http.MethodGet, path: refundsPath, query: s.request.query(after)}, limits{})
		if rep.err != nil || rep.status < 200 || rep.status > 299 {
			return s.result(s.kind.classify(op, rep)), false
		}
		refunds, next, err := s.kind.page(rep, after)
		if err != nil {
			return s.result(Result[Refund]{HTTPStatus: rep.status, Err: fmt.Errorf("%s: %w", op, err)}), false
		}
		if len(s.matches) > 0 {
			s.spare--
		}
		if s.note(refunds, known) || next == "" {
			return Result[Refund]{}, true
		}
		if after = next; known == "" {
			s.after = next
		}
	}
	return Result[Refund]{}, true
}

// note keeps the matches of one page, each once, and reports whether the page holds the refund known.
func (s *refundSearch) note(refunds []*Refund, known string) (reached bool) {
	for _, r := range refunds {
		if s.newest == "" {
			s.newest = r.Reference
		}
		reached = reached || r.Reference == known
		if s.request.matches(r) && !s.has(r) && len(s.matches) <= maxOthers {
			s.matches = append(s.matches, r)
		}
	}
	return reached
}

func (s *refundSearch) has(r *Refund) bool {
	for _, m := range s.matches {
		if m.Reference == r.Reference {
			return true
		}
	}
	return false
}

// result is what the search came to: a match counts, whatever ended the search for a second one.
func (s *refundSearch) result(otherwise Result[Refund]) Result[Refund] {
	if len(s.matches) == 0 {
		// A refusal may be about the position itself: then the next search begins anew.
		if otherwise.Outcome != NotFound && otherwise.Outcome != Refused && s.after != "" {
			otherwise.Position = s.newest + "/" + s.after
		}
		return otherwise
	}
	best := 0
	for i, r := range s.matches {
		if r.weight() > s.matches[best].weight() {
			best = i
		}
	}
	res := Result[Refund]{Outcome: Answered, HTTPStatus: http.StatusOK, Object: s.matches[best]}
	for i, r := range s.matches {
		if i != best {
			res.Others = append(res.Others, r)
		}
	}
	return res
}

// weight orders several matches: first what gave money back, then what still may, last what ended without.
func (r *Refund) weight() int {
	switch r.Status {
	case "succeeded":
		return 2
	case "failed", "canceled":
		return 0
	}
	return 1
}

// matches needs both ids: an operation's id alone could have been written by another merchant's request.
func (r FindRefundRequest) matches(found *Refund) bool {
	return found.Metadata["operation_id"] == r.OperationID && found.Metadata["merchant_id"] == r.MerchantID
}

func (r FindRefundRequest) query(after string) url.Values {
	q := url.Values{"limit": {strconv.Itoa(pageSize)}, "payment_intent": {r.Intent}}
	if after != "" {
		q.Set("starting_after", after)
	}
	return q
}

// position reads Position; one that is none leads to the beginning.
func (r FindRefundRequest) position() (newest, after string) {
	newest, after, _ = strings.Cut(r.Position, "/")
	if !isReference(newest) || !isReference(after) {
		return "", ""
	}
	return newest, after
}
