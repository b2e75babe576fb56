package model

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// replay drives the real engine through a trace, and compares after each step what can be seen of both. An empty answer
// means that they agree. With a source it also tries what must change nothing; it returns how many requests it sent for that.
func replay(t *testing.T, m *machine, way []leg, source *rand.Rand, wrong mistake) (divergence string, probes int) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		r := &replayer{m: m, way: way, source: source, ground: &ground{m: m, mistake: wrong}, now: m.start()}
		for on := range uint8(replicas) {
			r.engines[on] = r.ground.newEngine(on, plan{})
		}
		defer r.end()
		for n := range way {
			r.take(n)
			r.probe()
			probes = r.probes
			if differs := r.compare(); differs != "" {
				divergence = r.tell(n) + differs
				return
			}
		}
	})
	return divergence, probes
}

type replayer struct {
	m       *machine
	way     []leg
	at      int
	ground  *ground
	engines [replicas]*engine
	before  world
	now     world
	source  *rand.Rand // nil: nothing is done between the steps
	probes  int        // requests sent between the steps
	differs string
}

// take goes one step.
func (r *replayer) take(n int) {
	r.at, r.before, r.now = n, r.now, r.way[n].after
	act := r.way[n].act
	e, who := act.event&0xff, act.who
	was := &r.before.procs[who%maxProcess]
	switch {
	case e == hungUp:
		r.ground.lives[who].hangUp()
	case act.event.subject() != aProcess:
		r.happen(act)
	case was.pc.checks() || e == checkClaimed:
		r.mirror()
	case was.pc == answering:
		r.ground.lives[who] = nil
	case was.pc == idle:
		r.begin(e, who)
	default:
		r.release(e, act.event.result(), who)
	}
	r.letTimePass()
	if l := r.ground.lives[who%maxProcess]; act.event.subject() == aProcess && e != hungUp && l != nil {
		r.follow(l, act)
	}
}

// rulings say what becomes of a life's call in an event. Where none is named, the store answers by its own rules.
var rulings = [len(events)]ruling{
	firstRolledBack:      {happens: never, fails: raced},
	firstUnanswered:      {happens: later, fails: unknownEnd},
	firstCutOff:          {happens: half, fails: unknownEnd},
	resolveFailed:        {fails: timeUp},
	completionUnanswered: {fails: unknownEnd},
	completionRolledBack: {happens: never, fails: unknownEnd},
	completionAdrift:     {happens: later, fails: unknownEnd},
	completionCutOff:     {happens: half, fails: unknownEnd},
	completionImpossible: {happens: never, fails: timeUp},
	storeRefused:         {happens: never, fails: unstorable},
	inspectFailed:        {fails: raced},
	currentUnreadable:    {fails: timeUp},
	releaseUnanswered:    {fails: unknownEnd},
	releaseRolledBack:    {happens: never, fails: unknownEnd},
	releaseAdrift:        {happens: later, fails: unknownEnd},
	releaseCutOff:        {happens: half, fails: unknownEnd},
	releaseImpossible:    {happens: never, fails: timeUp},
	waitedInVain:         {happens: never, fails: timeUp},
	takeoverUnanswered:   {fails: away},
	repliedWithoutRedis:  {fails: away},
	providerAnswered:     {sends: true},
	answerLost:           {sends: true},
	providerNotReached:   {answer: rejected},
}

// release lets the call return that a life waits in.
func (r *replayer) release(e event, res result, p uint8) {
	l := r.ground.lives[p]
	if l == nil || l.at() == atWork || l.at() == finished {
		r.differs = fmt.Sprintf("the trace goes on with %s, and the engine has no call of it open\n", r.m.nameOf(&r.before, int(p)))
		return
	}
	if r.retry(l); r.differs != "" {
		return
	}
	rule := rulings[e]
	switch e {
	case providerAnswered:
		rule.res, rule.answer = res, r.m.means(res)
	case lookedUp:
		rule.answer = r.m.means(res)
	case answerLost:
		rule.res = res
	case firstRolledBack:
		if r.now.procs[p].pc == idle && l.reruns < maxReruns {
			rule.fails = away
		}
	default:
	}
	if l.at() == beforeCall {
		l.late = true
		r.pass(nap)
	}
	r.let(l, rule)
	switch ended := r.now.procs[p].pc == idle; {
	case (e == firstRolledBack || e == resolvedRolledBack) && !ended:
		l.reruns++
	case e == resolvedRolledBack && l.at() == atBegin: // 503, because Postgres is away before the third run
		r.let(l, ruling{fails: away})
	}
}

// let gives a ruling, and waits until the life stands in its next call or is finished.
func (r *replayer) let(l *life, rule ruling) {
	l.ruling <- rule
	r.advance(l)
}

// advance lets time pass while a life pauses, or waits for the end of its budget.
func (r *replayer) advance(l *life) {
	for range 100 {
		synctest.Wait()
		if l.at() != atWork || l.dead {
			return
		}
		if l.ending && !l.deadline.IsZero() {
			r.pass(time.Until(l.deadline))
			l.deadline = time.Time{}
			continue
		}
		r.pass(300 * time.Millisecond) // longer than a pause of the engine
	}
	r.differs = "the engine neither ends nor calls anything\n"
}

func (r *replayer) pass(d time.Duration) { <-time.After(d) }

// letTimePass lets happen what the model lets happen by itself: the lease of an owner that is gone ends, and a late batch
// whose guard can't pass is forgotten.
func (r *replayer) letTimePass() {
	for i := range r.m.idents {
		row := &r.ground.rows[i]
		row.over = row.state == inProgress && r.now.pg.records[i].over
		if r.now.late[i].kind == noBatch {
			r.ground.late[i] = nil
		}
	}
}

// tell is the trace up to a step.
func (r *replayer) tell(n int) string {
	var text strings.Builder
	was := r.m.start()
	for k := range n + 1 {
		is := r.way[k].after
		fmt.Fprintf(&text, "%2d. %s\n", k+1, r.m.tellStep(&was, &is, r.way[k].act))
		if changed := r.m.changes(&was, &is); changed != "" {
			fmt.Fprintf(&text, "      %s\n", changed)
		}
		was = is
	}
	return text.String()
}

// end ends all lives.
func (r *replayer) end() {
	for _, l := range r.ground.lives {
		r.kill(l)
	}
	synctest.Wait()
}

func (r *replayer) kill(l *life) {
	if l == nil || l.at() == finished {
		return
	}
	l.dead = true
	if l.at() != atWork {
		l.ruling <- ruling{die: true}
	}
}
