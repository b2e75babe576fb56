package simulator

import (
	"math"
	"net/http"
	"net/url"
	"time"
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

	AmountCaptured int64 `json:"amount_captured"`
	AmountRefunded int64 `json:"amount_refunded"` // pending ones included
	// Captures are the ones that were asked for; a charge that was captured at once has none.
	Captures []movedLine `json:"captures"`
	Refunds  []movedLine `json:"refunds"`
}

// movedLine is one capture or refund of a charge, oldest first. A capture's status is succeeded, or released where it took
// nothing.
type movedLine struct {
	ID          string `json:"id"`
	OperationID string `json:"operation_id"`
	Amount      int64  `json:"amount"`
	Status      string `json:"status"`
	Requests    int    `json:"requests"`
}

// refundLine is one row of GET /simulator/refunds.
type refundLine struct {
	ID             string            `json:"id"`
	IdempotencyKey string            `json:"idempotency_key"`
	PaymentIntent  string            `json:"payment_intent"`
	OperationID    string            `json:"operation_id"`
	Amount         int64             `json:"amount"`
	Currency       string            `json:"currency"`
	Status         string            `json:"status"`
	Requests       int               `json:"requests"`
	Metadata       map[string]string `json:"metadata"`
}

// bookQuery is what both lists are asked with.
type bookQuery struct {
	limit   int
	all     bool
	key     string
	payment string
}

func parseBookQuery(r *http.Request) (q bookQuery, refusal *answer) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return q, invalid("", "", "The query could not be read.")
	}
	p := newParams(query)
	q.limit = math.MaxInt
	if value := p.get("limit"); value != "" {
		n := p.integer("limit", value)
		if n < 1 {
			p.refuse(codeParameterInvalid, "limit", "limit must be at least 1")
		}
		q.limit = int(min(int64(q.limit), n))
	}
	q.all = p.oneOf("all", "true", "false") == "true"
	q.key, q.payment = p.get("idempotency_key"), p.get("payment_id")
	return q, p.refusal()
}

// matches reports whether what was made under a key for a payment is asked for.
func (q bookQuery) matches(key string, metadata map[string]string) bool {
	return (q.key == "" || key == q.key) && (q.payment == "" || metadata["payment_id"] == q.payment)
}

// listCharges shows every intent that moved money or holds some, of all accounts, newest first; with all=true also those
// that did neither (declined, canceled, waiting for the customer). idempotency_key, payment_id and limit narrow it down.
func (s *Simulator) listCharges(w http.ResponseWriter, r *http.Request) {
	q, refusal := parseBookQuery(r)
	if refusal != nil {
		write(w, refusal)
		return
	}
	lines, wait := s.charges(q)
	s.reply(w, success(map[string][]chargeLine{"data": lines}), wait)
}

func (s *Simulator) charges(q bookQuery) ([]chargeLine, *batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	lines := []chargeLine{}
	for i := len(s.order) - 1; i >= 0 && len(lines) < q.limit; i-- {
		r := s.intents[s.order[i]]
		moved := r.Intent.AmountReceived > 0 || r.Intent.AmountCapturable > 0
		if (q.all || moved) && q.matches(r.Key, r.Intent.Metadata) {
			lines = append(lines, s.chargeLine(r))
		}
	}
	return lines, s.book.unwritten()
}

// chargeLine shows one intent. The caller holds the lock.
func (s *Simulator) chargeLine(r *record) chargeLine {
	line := chargeLine{
		ID: r.Intent.ID, IdempotencyKey: r.Key, Amount: r.Intent.Amount, Currency: r.Intent.Currency,
		Status: r.Intent.Status, Requests: s.requests(r.Account, r.Key), Metadata: r.Intent.Metadata,
		AmountCaptured: r.Intent.AmountReceived, AmountRefunded: r.Refunded, Captures: []movedLine{}, Refunds: []movedLine{},
	}
	for _, c := range r.Captures {
		status := statusSucceeded
		if c.Amount == 0 {
			status = "released"
		}
		line.Captures = append(line.Captures, movedLine{c.ID, c.Operation, c.Amount, status, s.requests(r.Account, c.Key)})
	}
	for _, id := range s.refundsOf[r.Intent.ID] {
		made := s.refunds[id]
		line.Refunds = append(line.Refunds, movedLine{
			id, made.Refund.Metadata["operation_id"], made.Refund.Amount, made.Refund.Status, s.requests(made.Account, made.Key),
		})
	}
	return line
}

// listBookedRefunds shows every refund of all accounts, newest first. idempotency_key, payment_id and limit narrow it down.
func (s *Simulator) listBookedRefunds(w http.ResponseWriter, r *http.Request) {
	q, refusal := parseBookQuery(r)
	if refusal != nil {
		write(w, refusal)
		return
	}
	lines, wait := s.bookedRefunds(q)
	s.reply(w, success(map[string][]refundLine{"data": lines}), wait)
}

func (s *Simulator) bookedRefunds(q bookQuery) ([]refundLine, *batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	lines := []refundLine{}
	for i := len(s.refunded) - 1; i >= 0 && len(lines) < q.limit; i-- {
		made := s.refunds[s.refunded[i]]
		if !q.matches(made.Key, made.Refund.Metadata) {
			continue
		}
		lines = append(lines, refundLine{
			ID: made.Refund.ID, IdempotencyKey: made.Key, PaymentIntent: made.Refund.PaymentIntent,
			OperationID: made.Refund.Metadata["operation_id"], Amount: made.Refund.Amount, Currency: made.Refund.Currency,
			Status: made.Refund.Status, Requests: s.requests(made.Account, made.Key), Metadata: made.Refund.Metadata,
		})
	}
	return lines, s.book.unwritten()
}

// Booked is a charge as the process that the simulator runs in reads it from the book.
type Booked struct {
	PaymentID  string
	MerchantID string
}

// Since lists the charges of all accounts that were made at or after a time, to the second, newest first.
func (s *Simulator) Since(began time.Time) []Booked {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.advance()
	var all []Booked
	for i := len(s.order) - 1; i >= 0; i-- {
		intent := &s.intents[s.order[i]].Intent
		if intent.Created < began.Unix() {
			break
		}
		if intent.AmountReceived > 0 || intent.AmountCapturable > 0 {
			all = append(all, Booked{intent.Metadata["payment_id"], intent.Metadata["merchant_id"]})
		}
	}
	return all
}
