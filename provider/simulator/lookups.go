package simulator

import (
	"net/http"
	"net/url"
	"sort"
)

// lookUp wraps a reading route: authenticated, decided under the lock, answered when what it shows is on the disk.
func (s *Simulator) lookUp(read func(account, id string, query url.Values) *answer) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		account, refusal := accountOf(r)
		if refusal != nil {
			write(w, refusal)
			return
		}
		query, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			write(w, invalid("", "", "The query could not be read."))
			return
		}
		s.mu.Lock()
		s.advance()
		a, wait := read(account, r.PathValue("id"), query), s.book.unwritten()
		s.mu.Unlock()
		s.reply(w, a, wait)
	}
}

func (s *Simulator) getIntent(account, id string, _ url.Values) *answer {
	if found := s.intentOf(account, id); found != nil {
		return success(found.Intent)
	}
	return notFound("payment_intent", id)
}

func (s *Simulator) getRefund(account, id string, _ url.Values) *answer {
	if found := s.refunds[id]; found != nil && found.Account == account {
		return success(found.Refund)
	}
	return notFound("refund", id)
}

// listIntents answers newest first. created never decreases along the order, so the newest one is searched
// for, and the walk ends at the first that is too old.
func (s *Simulator) listIntents(account, _ string, query url.Values) *answer {
	p := newParams(query)
	limit := p.limit()
	from, to := p.since()
	after := p.get("starting_after")
	if refusal := p.refusal(); refusal != nil {
		return refusal
	}
	start := sort.Search(len(s.order), func(i int) bool { return s.intents[s.order[i]].Intent.Created > to })
	if after != "" {
		found := s.intentOf(account, after)
		if found == nil {
			return invalid(codeResourceMissing, "starting_after", "No such payment_intent: '"+after+"'")
		}
		start = min(start, found.position)
	}
	l := list{Object: "list", URL: "/v1/payment_intents", Data: []any{}}
	for i := start - 1; i >= 0; i-- {
		r := s.intents[s.order[i]]
		if r.Intent.Created < from {
			break
		}
		if r.Account != account {
			continue
		}
		if len(l.Data) == limit {
			l.HasMore = true
			break
		}
		l.Data = append(l.Data, r.Intent)
	}
	return success(l)
}

// listRefunds answers newest first, of one payment intent or of all.
func (s *Simulator) listRefunds(account, _ string, query url.Values) *answer {
	p := newParams(query)
	limit := p.limit()
	from, to := p.since()
	intentID, after := p.get("payment_intent"), p.get("starting_after")
	if refusal := p.refusal(); refusal != nil {
		return refusal
	}
	ids := s.refunded
	if intentID != "" {
		ids = s.refundsOf[intentID]
	}
	start := sort.Search(len(ids), func(i int) bool { return s.refunds[ids[i]].Refund.Created > to })
	if after != "" {
		known := s.refunds[after]
		if known == nil || known.Account != account {
			return invalid(codeResourceMissing, "starting_after", "No such refund: '"+after+"'")
		}
		start = min(start, sort.Search(len(ids), func(i int) bool { return s.refunds[ids[i]].position >= known.position }))
	}
	l := list{Object: "list", URL: "/v1/refunds", Data: []any{}}
	for i := start - 1; i >= 0; i-- {
		r := s.refunds[ids[i]]
		if r.Refund.Created < from {
			break
		}
		if r.Account != account {
			continue
		}
		if len(l.Data) == limit {
			l.HasMore = true
			break
		}
		l.Data = append(l.Data, r.Refund)
	}
	return success(l)
}

// limit reads a page's size: 1 to 100, 10 by default.
func (p *params) limit() int {
	value := p.get("limit")
	if value == "" {
		return 10
	}
	n := p.integer("limit", value)
	if n < 1 || n > 100 {
		p.refuse(codeParameterInvalid, "limit", "limit must be from 1 to 100")
		return 1
	}
	return int(n)
}

// since reads created[gte], [gt], [lte] and [lt] as one closed range of Unix seconds.
func (p *params) since() (from, to int64) {
	to = 1<<63 - 1
	for _, bound := range []struct {
		name  string
		lower bool
		shift int64
	}{{"created[gte]", true, 0}, {"created[gt]", true, 1}, {"created[lte]", false, 0}, {"created[lt]", false, -1}} {
		value := p.get(bound.name)
		if value == "" {
			continue
		}
		n := p.integer(bound.name, value) + bound.shift
		if bound.lower {
			from = max(from, n)
		} else {
			to = min(to, n)
		}
	}
	return from, to
}
