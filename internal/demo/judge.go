package demo

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/models"
)

// judge holds what payonce did in one scene against its promise, and returns a sentence for each breach. It looks where
// any client and operator can look: at the provider's book, at the answers, at the API.
func (p *play) judge(w want) []string {
	var found breaches
	p.judgeBook(&found)
	p.judgeAnswers(w, &found)
	p.judgeLeftovers(&found)
	return found
}

// breaches are sentences. One that fifty copies would repeat is said once.
type breaches []string

func (b *breaches) add(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(*b, text) {
		*b = append(*b, text)
	}
}

// judgeBook: one charge, over the right amount, asked for under the one key that follows from the request.
func (p *play) judgeBook(found *breaches) {
	book, err := p.charges()
	if err != nil {
		found.add("%s", err)
		return
	}
	if len(book) != 1 {
		found.add("the provider's book shows %d charges for one order, not 1", len(book))
	}
	for _, c := range book {
		if c.Amount != price || !strings.EqualFold(c.Currency, currency) || c.Status != "succeeded" {
			found.add("charge %s is %s over %d %s, not succeeded over %d %s", c.ID, c.Status, c.Amount, c.Currency, price, currency)
		}
		if !slices.Contains(p.providerKeys(), c.IdempotencyKey) {
			found.add("charge %s was not asked for under the key that follows from the request", c.ID)
		}
	}
}

// allows: where a refusal is wanted, "try again later" is one, too: in doubt payonce says so.
func (w want) allows(a answer) bool {
	return w.refused != "" && (a.field("code") == w.refused && a.status == http.StatusConflict || a.status == http.StatusServiceUnavailable)
}

// judgeAnswers: one outcome, told to everybody in the same bytes, and flagged as a replay to all but one.
func (p *play) judgeAnswers(w want, found *breaches) {
	count, first := map[outcome]int{}, (*try)(nil)
	for _, t := range p.tries {
		o := t.outcome()
		count[o]++
		switch {
		case o == lost && t.lost == "":
			found.add("%s got no answer: %s", t.who, t.answer)
		case o == refused && !w.allows(t.answer):
			found.add("%s was refused: %s", t.who, t.answer)
		case (o == executed || o == replayed) && first == nil:
			first = t
		case (o == executed || o == replayed) && !first.answer.same(t.answer):
			found.add("%s and %s got different answers: %s and %s", first.who, t.who, first.answer, t.answer)
		}
	}
	if count[executed] != w.executed || count[replayed] != w.replayed || count[refused] < w.atLeast {
		found.add("executed: %d, not %d; replayed: %d, not %d; refused: %d, at least %d",
			count[executed], w.executed, count[replayed], w.replayed, count[refused], w.atLeast)
	}
}

// judgeLeftovers: no key is in progress, and the order agrees with the provider's book.
func (p *play) judgeLeftovers(found *breaches) {
	for _, key := range p.keys() {
		state := p.get("/v1/idempotency-keys/" + url.PathEscape(key))
		spent := slices.ContainsFunc(p.tries, func(t *try) bool { return t.key == key && t.outcome() != refused })
		if spent && state.field("state") != "completed" {
			found.add("key %q is not completed: %s", key, state)
		}
		if !spent && state.status != http.StatusNotFound {
			found.add("key %q was refused and is not free: %s", key, state)
		}
	}
	order := p.get("/v1/orders/" + p.order)
	if paid := member[float64](order, "amount_paid"); (order.field("status") != "paid" || paid != price) && !p.accepted() {
		found.add("the provider has charged, and the order does not say so: %s", order)
	}
}

// accepted reports whether the outcome was a 202: a provider that was too slow to answer, as on a machine under heavy load.
// The payment's outcome is known later then.
func (p *play) accepted() bool {
	return slices.ContainsFunc(p.tries, func(t *try) bool { return t.answer.status == http.StatusAccepted })
}

func (p *play) get(path string) answer {
	return p.side.send(p.ctx, p.client, replicaB, call{method: http.MethodGet, path: path}, newSignal())
}

func (p *play) keys() (keys []string) {
	for _, t := range p.tries {
		if !slices.Contains(keys, t.key) {
			keys = append(keys, t.key)
		}
	}
	return keys
}

// providerKeys are the keys under which payonce may ask the provider: pure functions of the requests that were sent. A
// second execution anywhere, even by a replica that has lost its database, would ask under the same one.
func (p *play) providerKeys() (keys []string) {
	body, err := idempotency.Canonical(nil, []byte(p.payment()), idempotency.CanonicalLimits{MaxDepth: 8})
	if err != nil {
		return nil
	}
	fingerprint, err := idempotency.NewFingerprint(http.MethodPost, paymentsPath, "", "application/json", body)
	if err != nil {
		return nil
	}
	for _, key := range p.keys() {
		keys = append(keys, idempotency.ProviderKey(p.side.tenant, idempotency.Key(key), string(models.OperationAuthorize), fingerprint))
	}
	return keys
}

// perform plays one scene on one side. The error is for what makes going on pointless; what a script waited for in vain
// is a breach.
func (s *stage) perform(ctx context.Context, sc scene, on *side) (result, error) {
	p, err := newPlay(ctx, s, on, on.protected || sc.keys)
	if err != nil {
		return result{}, fmt.Errorf("%s: %w", sc.name, err)
	}
	defer p.end()
	sc.script(p)
	return p.result(sc)
}
