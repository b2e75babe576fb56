package model

import (
	"crypto/rand"
	"fmt"
)

// ground is what the fakes of the engine's stores and of the provider stand on: Postgres, Redis, the caches in the processes
// and the provider's charges. It keeps what a real one would keep by rules of its own; of the model's world it only learns what
// happens without the engine.
type ground struct {
	m        *machine
	mistake  mistake
	lives    [maxProcess]*life
	rows     [maxIdent]row
	payments [maxIntent]payment
	charges  [maxBook]charge
	late     [maxIdent]*batchSent // what was sent and given up, or has arrived in part
	backends [maxProcess]*batchSent
	keys     [maxIdent]*life  // who holds the key's lock
	orders   [maxIntent]*life // who holds the lock of the order that is to be paid
	markers  [maxIdent]kept   // Redis
	memory   [replicas][maxIdent]kept
	standby  *standby
	view     [replicas]uint8
	timeline uint8
	wrong    string // an obligation that the engine broke, seen by a fake

	tokens   uint64        // of markers, counted
	arriving uint8         // the intent of the request that came last
	caches   [replicas]any // the engine's own ones, of which memory is what may be seen
}

type standby struct {
	rows     [maxIdent]row
	payments [maxIntent]payment
}

// row is a record.
type row struct {
	state  recordState
	intent uint8
	owner  *life // that made the claim
	claim  [16]byte
	fence  int64
	over   bool // the lease is
	stored reply
}

// kept is what a cache holds under one name.
type kept struct {
	kind   valueKind
	owner  *life
	token  [16]byte
	stored reply
}

// batchSent is a transaction, or the end of one, on its way to Postgres.
type batchSent struct {
	life  *life
	half  bool
	ident uint8
	guard func(*row) bool // nil: a first transaction, guarded by its locks
	apply func(*ground)
}

// tx is a transaction: what is written when it commits.
type tx struct {
	life   *life
	intent uint8
	mine   bool
	writes []func(*ground)
}

// begin tries the key's lock and looks the key up.
func (g *ground) begin(t *tx, i uint8) (known bool) {
	if g.rows[i].state.known() {
		return true
	}
	if g.keyLocked(i) {
		return false
	}
	t.mine, g.keys[i] = true, t.life
	if g.m.intents[t.intent].Local {
		return false
	}
	order := &g.orders[g.order(t.intent)]
	if *order != nil {
		g.wrong = "a transaction got the lock of an order that another one holds"
	}
	*order = t.life
	return false
}

// order names the order that an intent pays by the first intent that does.
func (g *ground) order(j uint8) uint8 {
	for first := range j {
		if g.m.rivals(first, j) {
			return first
		}
	}
	return j
}

func (g *ground) keyLocked(i uint8) bool {
	late := g.late[i]
	return g.keys[i] != nil || late != nil && late.half && late.guard == nil
}

// unlock ends a transaction.
func (g *ground) unlock(l *life) {
	for i := range g.keys {
		if g.keys[i] == l {
			g.keys[i] = nil
		}
	}
	for j := range g.orders {
		if g.orders[j] == l {
			g.orders[j] = nil
		}
	}
}

// rowLocked tells whether a batch that arrived in part holds the row of a record.
func (g *ground) rowLocked(i uint8) bool {
	late := g.late[i]
	return late != nil && late.half && late.guard != nil
}

// execute does with a batch what the trace has. lost: its guard refused it.
func (g *ground) execute(b *batchSent, r ruling) (lost bool) {
	switch r.happens {
	case now:
		return !g.arrive(b)
	case later:
		if b.guard == nil {
			g.backends[b.life.p] = b
			return false // it keeps its locks
		}
		g.late[b.ident] = b
	case half:
		b.half, g.late[b.ident] = true, b
	case never:
	}
	g.unlock(b.life)
	return false
}

// arrive is a batch that Postgres executes, if its guard lets it pass.
func (g *ground) arrive(b *batchSent) bool {
	if b.life.p < maxProcess {
		g.unlock(b.life)
	}
	if b.guard != nil && !b.guard(&g.rows[b.ident]) {
		return false
	}
	b.apply(g)
	return true
}

// insert is a record's first write.
func (g *ground) insert(i uint8, to row) {
	if g.rows[i].state.known() {
		g.wrong = "a second record was inserted under one key"
	}
	g.rows[i] = to
}

// takeOver gives a record whose lease is over to another owner.
func (g *ground) takeOver(i uint8, l *life) bool {
	row := &g.rows[i]
	if row.state != inProgress || !row.over || g.rowLocked(i) {
		return false
	}
	row.owner, row.over = l, false
	row.fence++
	_, _ = rand.Read(row.claim[:])
	return true
}

// payable tells whether another payment stands in the way of an intent's.
func (g *ground) payable(j uint8) bool {
	for other := range uint8(len(g.m.intents)) {
		if other != j && g.m.rivals(other, j) && g.payments[other].status.live() {
			return false
		}
	}
	return true
}

// used tells whether something was made under an intent's key.
func (g *ground) used(j uint8) bool {
	for other := range g.m.intents {
		if g.m.intents[other].ident == g.m.intents[j].ident && g.payments[other].status != noPayment {
			return true
		}
	}
	return false
}

// conclude writes what follows from the provider's answer, as operations does.
func (g *ground) conclude(j uint8, res result) {
	pay := &g.payments[j]
	switch res {
	case approved:
		pay.status, pay.attempt = succeeded, resolved
		pay.ledger++
	case declined:
		pay.status, pay.attempt = failed, resolved
	default:
		pay.attempt = unresolved
	}
}

// send is a request under an intent's provider key: a key that is remembered repeats its answer.
func (g *ground) send(j uint8, res result) {
	c := &g.charges[j]
	switch {
	case c.keyed && c.result != res:
		g.wrong = fmt.Sprintf("provider key %d repeats %q, and the trace has %q", j+1, results[c.result], results[res])
	case c.keyed:
	case res == rejected:
		c.refused = true
	default:
		c.keyed, c.result, c.refused, c.id, c.intent = true, res, false, j+1, j
		if res == approved {
			c.charges++
		}
	}
}

// timely is what a cache checks of a value: its timeline and the end of its replay.
func (g *ground) timely(k *kept, on, i uint8) bool {
	return k.kind == published && g.rows[i].state < expired && k.stored.timeline == g.view[on]
}
