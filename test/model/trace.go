package model

import (
	"fmt"
	"strings"
)

// trace tells how a visit is reached, step by step. Worlds that are alike are one visit, so the way is walked again with
// the names that processes had at the start.
func (x *explorer) trace(at int) []string {
	var way []key
	for ; at != 0; at = int(x.seen[at].from) {
		way = append(way, x.seen[at].key)
	}
	m := newMachine(x.m.Config)
	m.free, m.slow, m.faults, m.raw = true, true, true, true
	now := m.start()
	var lines []string
	for n := len(way) - 1; n >= 0; n-- {
		before := now
		act, ok := m.follow(&now, way[n], x.m.raw)
		if !ok { // a bug of the model itself
			return append(lines, "no step leads on from here")
		}
		lines = append(lines, fmt.Sprintf("%2d. %s", len(way)-n, m.tellStep(&before, &now, act)))
		if changed := m.changes(&before, &now); changed != "" {
			lines = append(lines, "      "+changed)
		}
	}
	return lines
}

// follow takes the step that leads to a world like the wanted one, if there is a choice one without a fault.
func (m *machine) follow(w *world, wanted key, exactly bool) (act action, ok bool) {
	var next world
	for _, e := range m.successors(w) {
		there := unpack(&e.key)
		fits := e.key == wanted || !exactly && m.canonical(&there, e.key) == wanted
		if fits && (!ok || act.event.class() == fault) {
			next, act, ok = there, e.act, true
		}
	}
	if ok {
		*w = next
	}
	return act, ok
}

func (m *machine) tellStep(before, now *world, a action) string {
	text := events[a.event&0xff].text
	if e := a.event & 0xff; !m.Fine && e >= arrived && e <= arrivedPastBadValue {
		text += "; it " + events[begun].text
	}
	said := results[a.event.result()]
	if e := a.event & 0xff; e == refused || e == refusedWrongly {
		said = refusals[a.event.result()]
	}
	if said != "" {
		text += ": " + said
	}
	if a.event.class() == fault {
		text += "   [fault]"
	}
	w := before
	if a.event.subject() == aProcess && before.procs[a.who].pc == idle {
		w = now // a client may have chosen its replica in this step
	}
	switch who := int(a.who); a.event.subject() {
	case aProcess:
		return m.nameOf(w, who) + " " + text
	case aServer:
		return "Postgres, for " + m.nameOf(w, who) + ": " + text
	case aReplica:
		return replicaNames[who] + " " + text
	case aRecord:
		return m.keyName(uint8(who)) + ": " + text
	case anAttempt:
		return "payment of " + m.intentName(uint8(who)) + ": " + text
	case aBookKey:
		return fmt.Sprintf("provider key %d: %s", who+1, text)
	case noSubject:
	}
	return text
}

var (
	replicaNames = [...]string{"replica A", "replica B"}
	results      = [...]string{
		approved: "charged", declined: "declined", rejected: "the request is refused", untried: "shown, and not tried yet",
		confirming: "shown, and being confirmed", canceled: "canceled", unclear: "no clear answer",
	}
	halfNames = [...]string{
		completionBatch: "a completion, which holds the record and the order", releaseBatch: "a release, which holds the record and the order",
		firstBatch: "a first transaction, which holds the key and the order", applyBatch: "what was found out, which holds the attempt and the order",
	}
	refusals = [...]string{
		inFlight: "409, in flight", keyExpired: "410, expired", keyReused: "422, reused", notPayable: "409, order not payable",
		invalid: "422, validation failed", limited: "429, rate limited", keyCanceled: "410, given up",
	}
	recordNames  = [...]string{inProgress: "in_progress", completed: "completed", expired: "expired", forgotten: "deleted", spent: "given up"}
	paymentNames = [...]string{processing: "processing", succeeded: "succeeded", failed: "failed"}
	attemptNames = [...]string{sent: "sent", unresolved: "unknown", resolved: "resolved"}
	outcomes     = [...]string{noOutcome: "nothing", created: "201", accepted: "202", refusedCard: "402", broken: "500"}
)

// nameOf names a process and, when it is at work, its replica.
func (m *machine) nameOf(w *world, p int) string {
	if p >= m.n {
		return "recovery of " + replicaNames[p-m.n]
	}
	name := fmt.Sprintf("request %d [%s]", p+1, m.intentName(m.of[p]))
	if me := &w.procs[p]; me.pc != idle {
		name += " at " + replicaNames[me.on]
	}
	return name
}

func (m *machine) keyName(i uint8) string {
	for j := range m.intents {
		if m.intents[j].ident != i {
			continue
		}
		name := fmt.Sprintf("K%d", m.intents[j].Key+1)
		if m.differ(func(r Request) uint8 { return r.Merchant }) {
			name += fmt.Sprintf(" of merchant %d", m.intents[j].Merchant+1)
		}
		return name
	}
	return ""
}

func (m *machine) intentName(j uint8) string {
	name := m.keyName(m.intents[j].ident)
	if m.differ(func(r Request) uint8 { return r.Path }) {
		name += fmt.Sprintf(", path %d", m.intents[j].Path+1)
	}
	if m.differ(func(r Request) uint8 { return r.Body }) {
		name += fmt.Sprintf(", body %d", m.intents[j].Body+1)
	}
	return name
}

// differ tells whether something needs to be named, because not all requests have the same.
func (m *machine) differ(of func(Request) uint8) bool {
	for j := range m.intents {
		if of(m.intents[j].Request) != of(m.intents[0].Request) {
			return true
		}
	}
	return false
}

// changes tells what a step changed outside of processes.
func (m *machine) changes(before, now *world) string {
	was, is := m.facts(before), m.facts(now)
	var changed []string
	for i := range is {
		if is[i] != was[i] {
			changed = append(changed, is[i])
		}
	}
	return strings.Join(changed, " | ")
}

func (m *machine) facts(w *world) []string {
	var facts []string
	for i := range uint8(m.idents) {
		facts = append(facts, m.tellRecord(w, i))
	}
	for j := range uint8(len(m.intents)) {
		facts = append(facts, m.tellPayment(w, j))
	}
	for k := range w.book {
		c := &w.book[k]
		text := fmt.Sprintf("provider key %d: charged %d times", k+1, c.charges)
		if m.means(c.result) == unknown && c.result != unknown || c.result == canceled {
			text += ", " + results[c.result]
		}
		if c.again {
			text += ", and once more by mistake"
		}
		if c.onItsWay {
			text += ", a request in the network"
		}
		facts = append(facts, text)
	}
	for i := range m.idents {
		if late := w.late[i]; late.half {
			facts = append(facts, "half a batch of "+m.keyName(uint8(i))+": "+halfNames[late.kind])
		} else {
			facts = append(facts, "half a batch of "+m.keyName(uint8(i))+": none")
		}
	}
	for i := range m.idents {
		facts = append(facts, "Redis, "+m.keyName(uint8(i))+": "+tellValue(w.redis[i]))
	}
	for i := range m.idents {
		facts = append(facts, "clients of "+m.keyName(uint8(i))+" know: "+outcomes[w.told[i].out])
	}
	return facts
}

func (m *machine) tellRecord(w *world, i uint8) string {
	rec := &w.pg.records[i]
	text := "record " + m.keyName(i) + ": "
	if rec.state == absent {
		return text + "none"
	}
	text += recordNames[rec.state]
	switch {
	case rec.state == completed:
		text += " with " + outcomes[rec.out]
	case rec.state == inProgress && rec.over:
		text += ", lease over"
	case rec.state == inProgress:
		text += ", held by " + m.nameOf(w, int(rec.claim)-1)
	}
	return text
}

func (m *machine) tellPayment(w *world, j uint8) string {
	pay := &w.pg.payments[j]
	text := "payment of " + m.intentName(j) + ": "
	if pay.status == noPayment {
		return text + "none"
	}
	text += paymentNames[pay.status]
	if pay.attempt != noAttempt {
		text += ", attempt " + attemptNames[pay.attempt]
	}
	if pay.missed {
		text += ", not found once"
	}
	if pay.review {
		text += ", needs_review"
	}
	if pay.ledger > 0 {
		text += fmt.Sprintf(", %d in the ledger", pay.ledger)
	}
	return text
}

func tellValue(v value) string {
	switch v.kind {
	case marker:
		return "a marker"
	case published:
		return outcomes[v.reply.out]
	case forged:
		return "a forged " + outcomes[v.reply.out]
	case nothing:
	}
	return "nothing"
}
