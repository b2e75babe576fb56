package model

// key is a world in 56 bytes: the same worlds have the same key, and no others.
type key [7]uint64

func pack(w *world) key {
	return key{
		w.procs[0].word() | w.procs[1].word()<<21 | w.procs[2].word()<<42,
		w.procs[3].word() | w.procs[4].word()<<21 | w.pg.records[0].word()<<42,
		w.pg.word(),
		w.book[0].word() | w.book[1].word()<<19 | w.book[2].word()<<38,
		w.memory[0][0].word() | w.memory[0][1].word()<<6 | w.memory[1][0].word()<<12 | w.memory[1][1].word()<<18 |
			w.told[0].word()<<24 | w.told[1].word()<<30 | w.redis[0].word()<<36 | w.redis[1].word()<<47 |
			bit(w.giving[0])<<58 | bit(w.giving[1])<<59,
		w.pg.records[1].word() | w.standby.records[0].word()<<13 | w.standby.records[1].word()<<26 | uint64(w.view[0])<<39 |
			uint64(w.view[1])<<40 | uint64(w.timeline)<<41 | bit(w.stalled)<<42 | uint64(w.fresh)<<43 | uint64(w.bad)<<45 |
			bit(w.unread)<<52 | bit(w.picky)<<53 | w.late[1].word()<<54,
		w.standby.word() | w.late[0].word()<<54,
	}
}

func (p *process) word() uint64 {
	return uint64(p.pc) | uint64(p.on)<<5 | uint64(p.intent)<<6 | uint64(p.claim)<<8 | uint64(p.key)<<11 | uint64(p.id)<<13 |
		uint64(p.res)<<16 | bit(p.gone)<<19 | bit(p.odd)<<20
}

func (r *record) word() uint64 {
	return uint64(r.state) | uint64(r.intent)<<3 | uint64(r.claim)<<5 | uint64(r.out)<<8 | bit(r.over)<<11 | bit(r.taken)<<12
}

func (pg *postgres) word() uint64 {
	return pg.payments[0].word() | pg.payments[1].word()<<18 | pg.payments[2].word()<<36
}

func (p *payment) word() uint64 {
	return uint64(p.status) | uint64(p.ledger)<<2 | uint64(p.key)<<4 | uint64(p.id)<<6 | uint64(p.attempt)<<9 | uint64(p.claim)<<11 |
		bit(p.leased)<<14 | bit(p.missed)<<15 | bit(p.old)<<16 | bit(p.review)<<17
}

func (c *charge) word() uint64 {
	return uint64(c.result) | uint64(c.charges)<<3 | uint64(c.id)<<5 | uint64(c.intent)<<8 | bit(c.keyed)<<10 | bit(c.refused)<<11 |
		bit(c.again)<<12 | bit(c.onItsWay)<<13 | uint64(c.sentID)<<14 | uint64(c.sentIntent)<<17
}

func (v *value) word() uint64 { return uint64(v.kind) | uint64(v.owner)<<2 | v.reply.word()<<5 }

func (b *batch) word() uint64 {
	return uint64(b.kind) | uint64(b.res)<<3 | uint64(b.intent)<<6 | bit(b.mine)<<8 | bit(b.half)<<9
}

func (r *reply) word() uint64 { return uint64(r.intent) | uint64(r.out)<<2 | uint64(r.timeline)<<5 }

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// bits reads a word from its low end.
type bits uint64

func (b *bits) take(n int) uint8 {
	v := uint8(*b & (1<<n - 1))
	*b >>= n
	return v
}

func (b *bits) flag() bool { return b.take(1) == 1 }

func unpack(k *key) world {
	var w world
	a, b, c, d, e, f, g := bits(k[0]), bits(k[1]), bits(k[2]), bits(k[3]), bits(k[4]), bits(k[5]), bits(k[6])
	w.procs = [maxProcess]process{a.process(), a.process(), a.process(), b.process(), b.process()}
	w.pg.records[0] = b.record()
	w.pg.payments = [maxIntent]payment{c.payment(), c.payment(), c.payment()}
	w.book = [maxBook]charge{d.charge(), d.charge(), d.charge()}
	w.memory = [replicas][maxIdent]reply{{e.reply(), e.reply()}, {e.reply(), e.reply()}}
	w.told = [maxIdent]reply{e.reply(), e.reply()}
	w.redis = [maxIdent]value{e.value(), e.value()}
	w.giving = [maxIdent]bool{e.flag(), e.flag()}
	w.pg.records[1] = f.record()
	w.standby.records = [maxIdent]record{f.record(), f.record()}
	w.view = [replicas]uint8{f.take(1), f.take(1)}
	w.timeline, w.stalled, w.fresh, w.bad = f.take(1), f.flag(), f.take(2), violation(f.take(7))
	w.unread, w.picky = f.flag(), f.flag()
	w.standby.payments = [maxIntent]payment{g.payment(), g.payment(), g.payment()}
	w.late = [maxIdent]batch{g.batch(), f.batch()}
	return w
}

func (b *bits) process() process {
	return process{
		pc: pc(b.take(5)), on: b.take(1), intent: b.take(2), claim: b.take(3), key: b.take(2), id: b.take(3),
		res: result(b.take(3)), gone: b.flag(), odd: b.flag(),
	}
}

func (b *bits) record() record {
	return record{
		state: recordState(b.take(3)), intent: b.take(2), claim: b.take(3), out: outcome(b.take(3)), over: b.flag(), taken: b.flag(),
	}
}

func (b *bits) payment() payment {
	return payment{
		status: paymentStatus(b.take(2)), ledger: b.take(2), key: b.take(2), id: b.take(3), attempt: attemptStatus(b.take(2)),
		claim: b.take(3), leased: b.flag(), missed: b.flag(), old: b.flag(), review: b.flag(),
	}
}

func (b *bits) charge() charge {
	return charge{
		result: result(b.take(3)), charges: b.take(2), id: b.take(3), intent: b.take(2), keyed: b.flag(), refused: b.flag(),
		again: b.flag(), onItsWay: b.flag(), sentID: b.take(3), sentIntent: b.take(2),
	}
}

func (b *bits) value() value {
	return value{kind: valueKind(b.take(2)), owner: b.take(3), reply: b.reply()}
}

func (b *bits) batch() batch {
	return batch{kind: batchKind(b.take(3)), res: result(b.take(3)), intent: b.take(2), mine: b.flag(), half: b.flag()}
}

func (b *bits) reply() reply {
	return reply{intent: b.take(2), out: outcome(b.take(3)), timeline: b.take(1)}
}

// sum is a hash of a key. It only speeds up the search: keys are compared themselves.
func (k *key) sum() uint64 {
	h := uint64(0x9e3779b97f4a7c15)
	for _, v := range k { // one round of the finalizer of SplitMix64 (Steele, Lea, Flood 2014) a word
		h = (h ^ v) * 0xbf58476d1ce4e5b9
		h ^= h >> 29
	}
	h *= 0x94d049bb133111eb
	return h ^ h>>32
}

// less orders keys, to choose one of several alike.
func (k *key) less(other *key) bool {
	for i := range k {
		if k[i] != other[i] {
			return k[i] < other[i]
		}
	}
	return false
}
