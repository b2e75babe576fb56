package model

import "github.com/payonce/payonce/idempotency"

// happen is a step of time, of the network, of a server or a fault. The engine has no part in it, so what it comes to is read
// from the model; but what the engine has sent before is executed by its own guard.
func (r *replayer) happen(act action) {
	g := r.ground
	switch act.event & 0xff {
	case backendCommitted, backendRolledBack:
		r.endBackend(act)
	case batchArrived:
		if late := g.late[act.who]; late == nil || !g.arrive(late) {
			g.wrong = "the guard of a batch that arrives late does not let it pass"
		}
	case replicationStalled:
		g.standby = &standby{g.rows, g.payments}
	case promoted:
		r.promote()
	case killed:
		r.crash(act.who)
	case markerExpired, redisFlushed, redisStale, redisLies:
		r.changeRedis()
	case recordExpired:
		g.rows[act.who].state = expired
	case givingUpBegun:
		g.keys[act.who] = &life{p: maxProcess}
	case givingUpRolledBack:
		g.keys[act.who] = nil
	case keySpent:
		g.keys[act.who] = nil
		g.insert(act.who, row{state: spent, claim: idempotency.NewClaimID(), fence: 1})
	case recordForgotten:
		g.rows[act.who] = row{state: forgotten}
	case timelineSeen:
		g.view[act.who] = r.now.view[act.who]
	case batchLost, halfEnded, leaseOverslept: // letTimePass
	default:
		r.mirror()
	}
}

// mirror takes over what checks and the provider do by themselves: the engine has no part in either.
func (r *replayer) mirror() {
	r.ground.payments, r.ground.charges = r.now.pg.payments, r.now.book
	for i := range r.m.idents {
		if late := r.now.late[i]; late.half && late.kind == applyBatch {
			r.ground.late[i] = &batchSent{half: true, life: &life{p: maxProcess}, guard: func(*row) bool { return false }}
		}
	}
}

func (r *replayer) endBackend(act action) {
	g := r.ground
	b := g.backends[act.who]
	g.backends[act.who] = nil
	switch {
	case b == nil:
		r.mirror()
	case act.event == backendCommitted:
		g.arrive(b)
	default:
		g.unlock(b.life)
	}
}

// changeRedis makes of Redis what time or a fault has made of it.
func (r *replayer) changeRedis() {
	for i := range r.m.idents {
		was, is := &r.before.redis[i], &r.now.redis[i]
		if *was != *is {
			r.ground.markers[i] = kept{kind: is.kind, stored: is.reply}
		}
	}
}

// crash ends the lives of a replica. What they had sent may still arrive: which of it does, only the model's next world tells.
func (r *replayer) crash(on uint8) {
	g := r.ground
	arrives := r.arrives(on)
	for p, l := range g.lives {
		if l == nil || l.on != on {
			continue
		}
		sent := l.sent
		if g.backends[p] != nil {
			sent = g.backends[p]
		}
		r.kill(l)
		g.unlock(l)
		g.lives[p], g.backends[p] = nil, nil
		if sent != nil && arrives&(1<<p) != 0 {
			g.arrive(sent)
		}
	}
	g.memory[on], g.caches[on] = [maxIdent]kept{}, nil
	g.view[on] = g.timeline
	r.engines[on] = g.newEngine(on, plan{})
	checks := g.payments
	r.mirror() // requests that dying processes left in the network, and what a dying check wrote
	for j := range checks {
		if r.before.pg.payments[j].attempt == sent || r.before.pg.payments[j].status == noPayment {
			g.payments[j] = checks[j]
		}
	}
}

// arrives finds the processes of a replica whose last batch is executed after their death.
func (r *replayer) arrives(on uint8) (set uint) {
	for set = range uint(1) << r.m.all {
		w := r.before
		possible := true
		for p := range r.m.all {
			switch me := &w.procs[p]; {
			case me.pc == idle || me.on != on:
				possible = possible && set&(1<<p) == 0
			default:
				if set&(1<<p) != 0 {
					possible = possible && r.m.endedBeforeDeath(&w, p)
				}
				r.m.rest(&w, p)
			}
		}
		if !possible {
			continue
		}
		w.memory[on], w.view[on] = [maxIdent]reply{}, w.timeline
		r.m.tidy(&w)
		if w == r.now {
			return set
		}
	}
	r.differs = "no way of dying leads to the model's next world\n"
	return 0
}

// promote makes the standby the primary: what was committed since it stopped is gone, and so is every open transaction.
func (r *replayer) promote() {
	g := r.ground
	g.rows, g.payments, g.standby = g.standby.rows, g.standby.payments, nil
	g.late, g.backends = [maxIdent]*batchSent{}, [maxProcess]*batchSent{}
	g.timeline = r.now.timeline
	for p, l := range g.lives {
		if l == nil {
			continue
		}
		if r.before.procs[p].pc == open {
			r.let(l, ruling{happens: never, fails: unknownEnd})
		}
		g.unlock(l)
	}
}
