package simulator

import (
	"net/http"
	"net/url"
)

// chargeLine is one row of GET /simulator/charges.
type chargeLine struct {
	ID             string            `json:"id"`
	IdempotencyKey string            `json:"idempotency_key"`
	Amount         int64             `json:"amount"`
	Currency       string            `json:"currency"`
	Status         string            `json:"status"`
	Requests       int               `json:"requests"`
	Metadata       map[string]string `json:"metadata"`
}

// listCharges shows every intent that moved money or holds some, of all accounts, newest first; with all=true also those
// that did neither (declined, canceled, waiting for the payer). idempotency_key, payment_id and limit narrow it down.
func (s *Simulator) listCharges(w http.ResponseWriter, r *http.Request) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		write(w, invalid("", "", "The query could not be read."))
		return
	}
	p := newParams(query)
	limit := len(s.orderNow())
	if value := p.get("limit"); value != "" {
		n := p.integer("limit", value)
		if n < 1 {
			p.refuse(codeParameterInvalid, "limit", "limit must be at least 1")
		}
		limit = int(min(int64(limit), n))
	}
	all := p.oneOf("all", "true", "false") == "true"
	key, payment := p.get("idempotency_key"), p.get("payment_id")
	if refusal := p.refusal(); refusal != nil {
		write(w, refusal)
		return
	}
	wanted := func(r *record) bool {
		moved := r.Intent.AmountReceived > 0 || r.Intent.AmountCapturable > 0
		return (all || moved) && (key == "" || r.Key == key) && (payment == "" || r.Intent.Metadata["payment_id"] == payment)
	}
	lines, wait := s.charges(limit, wanted)
	s.reply(w, success(map[string][]chargeLine{"data": lines}), wait)
}

func (s *Simulator) orderNow() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.order
}

func (s *Simulator) charges(limit int, wanted func(*record) bool) ([]chargeLine, *batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := []chargeLine{}
	for i := len(s.order) - 1; i >= 0 && len(lines) < limit; i-- {
		r := s.intents[s.order[i]]
		if !wanted(r) {
			continue
		}
		requests := 1 // without a key each call is its own
		if key := s.keys[r.Account+":"+r.Key]; r.Key != "" && key != nil {
			requests = key.Requests
		}
		lines = append(lines, chargeLine{
			ID: r.Intent.ID, IdempotencyKey: r.Key, Amount: r.Intent.Amount, Currency: r.Intent.Currency,
			Status: r.Intent.Status, Requests: requests, Metadata: r.Intent.Metadata,
		})
	}
	return lines, s.book.settled()
}
