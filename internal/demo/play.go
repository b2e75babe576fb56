package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
)

const (
	price    = 1999 // cents
	currency = "EUR"

	// vainLimit bounds a wait for what is going to happen: far above what it takes, also on a busy machine.
	vainLimit = 20 * time.Second
	// look is the pause between two looks into the provider's book.
	look = 2 * time.Millisecond
)

// errVain: something that a script waited for did not happen.
var errVain = errors.New("waited in vain")

// play is one scene on one side: what a script acts with. Its methods do nothing once something went wrong, so that a
// script reads as a list of what happens; err says what went wrong.
type play struct {
	*stage
	ctx    context.Context // of the run; a play lives within it
	side   *side
	client *http.Client
	keyed  bool // this side is sent idempotency keys
	before map[string]bool
	order  string
	tries  []*try
	err    error
}

// try is one request to pay.
type try struct {
	who     string // as the report calls it
	key     string // as the client means it; sent only where keys are known
	wait    bool   // Prefer: wait
	lost    string // what the report says when no answer came
	said    string // what the report says when payonce executed it; "" for "executed"
	done    *signal
	written *signal
	cancel  context.CancelFunc
	answer  answer // once done
}

// newPlay makes an order to be paid.
func newPlay(ctx context.Context, s *stage, on *side, keyed bool) (*play, error) {
	p := &play{stage: s, ctx: ctx, side: on, client: newHTTPClient(), keyed: keyed, before: map[string]bool{}}
	charges, err := s.provider.charges(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range charges {
		p.before[c.ID] = true
	}
	made := on.send(ctx, p.client, replicaA, call{
		method: http.MethodPost, path: "/v1/orders", key: uuid.NewString(), body: fmt.Sprintf(`{"amount":%d,"currency":%q}`, price, currency),
	}, newSignal())
	if p.order = made.field("id"); made.status != http.StatusCreated || p.order == "" {
		return nil, fmt.Errorf("make an order: %s", made)
	}
	return p, nil
}

// end lets go of whatever is still held or under way.
func (p *play) end() {
	p.provider.answers.release()
	p.provider.lookUps.release()
	_ = p.side.replicas[replicaA].thaw(p.ctx) // an error says that it is dead
	for _, t := range p.tries {
		t.cancel()
		<-t.done.done
	}
	p.client.CloseIdleConnections()
}

// payment is the body of every try.
func (p *play) payment() string {
	return fmt.Sprintf(`{"order_id":%q,"payment_method":"pm_card_visa"}`, p.order)
}

// begin sends a request and doesn't wait for its answer.
func (p *play) begin(at int, t try) *try {
	ctx, cancel := context.WithCancel(p.ctx)
	t.cancel, t.done, t.written = cancel, newSignal(), newSignal()
	p.tries = append(p.tries, &t)
	if p.err != nil {
		t.answer.err = p.err
		t.done.send()
		return &t
	}
	c := call{method: http.MethodPost, path: paymentsPath, body: p.payment(), wait: t.wait}
	if p.keyed {
		c.key = t.key
	}
	go func() {
		t.answer = p.side.send(ctx, p.client, at, c, t.written)
		t.done.send()
	}()
	return &t
}

// finish waits for answers.
func (p *play) finish(tries ...*try) {
	for _, t := range tries {
		<-t.done.done // the client's own limit bounds it
	}
}

// pay sends a request and waits for its answer.
func (p *play) pay(at int, t try) *try {
	sent := p.begin(at, t)
	p.finish(sent)
	return sent
}

// insist sends a request that waits for the outcome of one in flight, and as long as it is refused only for now sends it
// again under the same key, as a client should.
func (p *play) insist(at int, t try) {
	t.wait = true
	for began := time.Now(); p.pay(at, t).refusedForNow() && p.err == nil; {
		if time.Since(began) > vainLimit {
			p.fail("the outcome of " + t.who)
		}
	}
}

// charged waits until the provider's book shows the first charge.
func (p *play) charged() {
	p.until("the first charge", func(charges int) bool { return charges > 0 })
}

// overlap waits until a request that was sent while the first one is held has done all that it will do before that one
// ends: it was charged, too, or was answered, or it is on its way to payonce, which lets it wait for the first one's outcome.
func (p *play) overlap(t *try) {
	p.until("the effect of "+t.who, func(charges int) bool {
		return charges > 1 || t.done.given() || t.wait && p.side.protected && t.written.given()
	})
}

// until looks into the book until ok.
func (p *play) until(what string, ok func(charges int) bool) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for began := time.Now(); p.err == nil; {
		var book []charge
		if book, p.err = p.charges(); p.err != nil || ok(len(book)) {
			return
		}
		if time.Since(began) > vainLimit {
			p.fail(what)
			return
		}
		select {
		case <-tick.C:
		case <-p.ctx.Done():
			p.err = context.Cause(p.ctx)
		}
	}
}

func (p *play) fail(what string) {
	if p.err == nil {
		p.err = fmt.Errorf("%w for %s", errVain, what)
	}
}

// do is any other act of a script.
func (p *play) do(act func(context.Context) error) {
	if p.err == nil {
		p.err = act(p.ctx)
	}
}

// revive starts a killed replica again, whatever went wrong: the next scene needs it.
func (p *play) revive(at int) {
	if err := p.side.replicas[at].start(p.ctx); p.err == nil {
		p.err = err
	}
}

// charges are what the provider's book shows for this side since the play began, the newest first.
func (p *play) charges() ([]charge, error) {
	charges, err := p.provider.charges(p.ctx)
	if err != nil {
		return nil, err
	}
	var mine []charge
	for _, c := range charges {
		if !p.before[c.ID] && c.Metadata["merchant_id"] == p.side.merchant {
			mine = append(mine, c)
		}
	}
	return mine, nil
}
