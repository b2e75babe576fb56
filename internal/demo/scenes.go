package demo

// copies is how many requests the burst sends at once.
const copies = 50

// scene is something that happens to payments every day.
type scene struct {
	name   string
	story  string // lines of at most 76 characters
	keys   bool   // the plain service knows idempotency keys, too
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
			story: "The customer clicks Pay twice. When the second click arrives, the first\n" +
				"one is charged, and its answer is still on the way.",
			script: doubleClick, harm: 2, wanted: want{executed: 1, replayed: 1},
		},
		{
			name: "A timeout and a retry",
			story: "The phone loses the network after the charge. The app never hears of it,\n" +
				"and asks again.",
			script: timeout, harm: 2, wanted: want{replayed: 1},
		},
		{
			name: "50 copies at once, at two replicas",
			story: "A broken client sends one payment 50 times, to replica A and replica B.\n" +
				"A copy that is refused for the moment is sent again.",
			script: burst, harm: copies, wanted: want{executed: 1, replayed: copies - 1, refused: codeInFlight},
		},
		{
			name: "kill -9 between charge and commit",
			story: "Replica A dies when the provider has charged and nothing is written down yet.\n" +
				"payonce's B waits until A's claim has run out, and asks the provider.",
			script: crash, harm: 2, wanted: want{executed: 1, replayed: 1, refused: codeInFlight},
		},
		{
			name: "Redis forgets everything",
			story: "The plain service has learnt keys, and keeps them in Redis. Redis is\n" +
				"flushed while the payment runs, and again when it is made.",
			keys: true, script: flush, harm: 2, wanted: want{executed: 1, replayed: 1, refused: codeInFlight},
		},
		{
			name: "Two keys for one order",
			story: "The order is open in two tabs, and each makes a key of its own: no key\n" +
				"can tell that they mean the same. The plain service has keys here, too.",
			keys: true, script: twoKeys, harm: 2, wanted: want{executed: 1, refused: codeNotPayable, atLeast: 1},
		},
		{
			name: "A replica freezes, and wakes up",
			story: "Replica A stops for a while after the charge, as a virtual machine may. When\n" +
				"it wakes up, payonce's B has taken the payment over: A may not touch it.",
			script: freeze, harm: 2, wanted: want{executed: 1, replayed: 1, refused: codeInFlight, atLeast: 1},
		},
	}
}

func doubleClick(p *play) {
	p.provider.answers.hold()
	first := p.begin(replicaA, try{who: "click 1", key: "cart-1", wait: true})
	p.charged()
	second := p.begin(replicaA, try{who: "click 2", key: "cart-1", wait: true})
	p.overlap(second)
	p.provider.answers.release()
	p.finish(first, second)
}

func timeout(p *play) {
	p.provider.answers.hold()
	first := p.begin(replicaA, try{who: "first try", key: "cart-2", lost: "no answer, charged"})
	p.charged()
	first.cancel() // the client hangs up
	p.finish(first)
	retry := p.begin(replicaB, try{who: "retry", key: "cart-2", wait: true})
	p.overlap(retry)
	p.provider.answers.release()
	p.finish(retry)
}

func burst(p *play) {
	p.provider.answers.hold()
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
	p.provider.answers.release()
	p.finish(all...)
	for i, t := range all {
		if t.refusedForNow() {
			p.insist(i%replicas, try{who: "again", key: "cart-3"})
		}
	}
}

func crash(p *play) {
	p.provider.answers.hold()
	first := p.begin(replicaA, try{who: "first try", key: "cart-4", lost: "killed, charged"})
	p.charged()
	p.side.replicas[replicaA].kill()
	p.finish(first)
	p.provider.answers.release()
	// Refused as long as A's claim lasts: B can't tell a dead replica from a slow one.
	if p.pay(replicaB, try{who: "retry at B", key: "cart-4"}).refusedForNow() {
		p.insist(replicaB, try{who: "and again", key: "cart-4", said: "found, written down"})
	}
	p.pay(replicaB, try{who: "once more", key: "cart-4"})
	p.revive(replicaA)
}

func flush(p *play) {
	p.provider.answers.hold()
	first := p.begin(replicaA, try{who: "first try", key: "cart-5"})
	p.charged()
	p.do(p.flushRedis)
	early := p.begin(replicaB, try{who: "retry at B", key: "cart-5"})
	p.overlap(early)
	p.provider.answers.release()
	p.finish(first, early)
	p.do(p.flushRedis)
	p.insist(replicaB, try{who: "once more", key: "cart-5"})
}

func twoKeys(p *play) {
	p.provider.answers.hold()
	first := p.begin(replicaA, try{who: "tab 1", key: "cart-6-tab-1"})
	p.charged()
	second := p.begin(replicaB, try{who: "tab 2", key: "cart-6-tab-2"})
	p.overlap(second)
	p.provider.answers.release()
	p.finish(first, second)
}

func freeze(p *play) {
	p.provider.answers.hold()
	p.provider.lookUps.hold()
	first := p.begin(replicaA, try{who: "first try", key: "cart-7"})
	p.charged()
	p.do(p.side.replicas[replicaA].freeze)
	retry := p.begin(replicaB, try{who: "retry at B", key: "cart-7", wait: true, said: "found, written down"})
	p.until("what B does about A's payment", func(charges int) bool {
		return charges > 1 || retry.done.given() || p.provider.lookUps.holds()
	})
	p.provider.answers.release()
	p.do(p.side.replicas[replicaA].thaw)
	p.finish(first)
	p.provider.lookUps.release()
	p.finish(retry)
	p.insist(replicaA, try{who: "once more", key: "cart-7"})
}
