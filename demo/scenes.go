package demo

// copies is how many requests the crowd sends at once.
const copies = 50

// scene is something that happens to payments every day.
type scene struct {
	name   string
	story  [2]string // at most 76 characters each
	keys   bool      // the plain service knows idempotency keys, too
	script func(*play)

	harm   int  // charges that the plain service makes
	wanted want // of payonce
}

// want is what payonce's clients see, besides one charge.
type want struct {
	executed int    // outcomes that are no replay
	replayed int    // the same outcome again
	refused  string // the only problem that may refuse a request; "" when none may
	atLeast  int    // so many refusals
}

func scenes() []scene {
	return []scene{
		{
			name: "A double click",
			story: [2]string{
				"The customer clicks Pay twice. When the second click arrives, the first",
				"one is charged, and its answer is still on the way.",
			},
			script: doubleClick, harm: 2, wanted: want{executed: 1, replayed: 1},
		},
		{
			name: "A timeout and a retry",
			story: [2]string{
				"The phone loses the network after the charge. The app never hears of it,",
				"and asks again.",
			},
			script: timeout, harm: 2, wanted: want{replayed: 1},
		},
		{
			name: "50 copies at once, at two replicas",
			story: [2]string{
				"A broken client sends one payment 50 times, to replica A and replica B.",
				"Whoever is told to try again tries again.",
			},
			script: crowd, harm: copies, wanted: want{executed: 1, replayed: copies - 1, refused: codeInFlight},
		},
		{
			name: "kill -9 between charge and commit",
			story: [2]string{
				"Replica A dies when the provider has charged and nobody has written it down.",
				"payonce's B waits until A's claim has run out, and asks the provider.",
			},
			script: crash, harm: 2, wanted: want{executed: 1, replayed: 1, refused: codeInFlight},
		},
		{
			name: "Redis forgets everything",
			story: [2]string{
				"The plain service has learnt keys, and keeps them in Redis. Redis is",
				"flushed while the payment runs, and again when it is made.",
			},
			keys: true, script: flush, harm: 2, wanted: want{executed: 1, replayed: 1, refused: codeInFlight},
		},
		{
			name: "Two keys for one order",
			story: [2]string{
				"The order is open in two tabs, and each makes a key of its own: no key",
				"can tell that they mean the same. The plain service has keys here, too.",
			},
			keys: true, script: twoKeys, harm: 2, wanted: want{executed: 1, refused: codeNotPayable, atLeast: 1},
		},
	}
}

func doubleClick(p *play) {
	p.stage.provider.hold()
	first := p.begin(replicaA, try{who: "click 1", key: "cart-1", wait: true})
	p.charged()
	second := p.begin(replicaA, try{who: "click 2", key: "cart-1", wait: true})
	p.overlap(second)
	p.stage.provider.release()
	p.finish(first, second)
}

func timeout(p *play) {
	p.stage.provider.hold()
	first := p.begin(replicaA, try{who: "first try", key: "cart-2", lost: "no answer, charged"})
	p.charged()
	first.cancel() // the client hangs up
	p.finish(first)
	retry := p.begin(replicaB, try{who: "retry", key: "cart-2", wait: true})
	p.overlap(retry)
	p.stage.provider.release()
	p.finish(retry)
}

func crowd(p *play) {
	p.stage.provider.hold()
	all := make([]*try, copies)
	for i := range all {
		all[i] = p.begin(i%replicas, try{who: "50 copies", key: "cart-3"})
	}
	p.until("the effect of 50 copies", func(charges int) bool {
		for _, t := range all {
			if t.done.given() {
				charges++
			}
		}
		return charges >= copies
	})
	p.stage.provider.release()
	p.finish(all...)
	for i, t := range all {
		if t.refusedForNow() {
			p.insist(i%replicas, try{who: "again", key: "cart-3"})
		}
	}
}

func crash(p *play) {
	p.stage.provider.hold()
	first := p.begin(replicaA, try{who: "first try", key: "cart-4", lost: "killed, charged"})
	p.charged()
	p.side.replicas[replicaA].kill()
	p.finish(first)
	p.stage.provider.release()
	// Refused as long as A's claim lasts: B can't tell a dead replica from a slow one.
	if p.pay(replicaB, try{who: "retry at B", key: "cart-4"}).refusedForNow() {
		p.insist(replicaB, try{who: "and again", key: "cart-4", said: "found, written down"})
	}
	p.pay(replicaB, try{who: "once more", key: "cart-4"})
	p.do(p.side.replicas[replicaA].start)
}

func flush(p *play) {
	p.stage.provider.hold()
	first := p.begin(replicaA, try{who: "first try", key: "cart-5"})
	p.charged()
	p.do(p.stage.flushRedis)
	early := p.begin(replicaB, try{who: "retry at B", key: "cart-5"})
	p.overlap(early)
	p.stage.provider.release()
	p.finish(first, early)
	p.do(p.stage.flushRedis)
	p.insist(replicaB, try{who: "once more", key: "cart-5"})
}

func twoKeys(p *play) {
	p.stage.provider.hold()
	first := p.begin(replicaA, try{who: "tab 1", key: "tab-1"})
	p.charged()
	second := p.begin(replicaB, try{who: "tab 2", key: "tab-2"})
	p.overlap(second)
	p.stage.provider.release()
	p.finish(first, second)
}
