package model

import (
	"runtime"
	"sync/atomic"
	"time"
)

// life is one request at work, or one round of a replica's recovery, from its begin to its answer or its death.
type life struct {
	p, on    uint8
	plan     plan
	where    atomic.Int32 // a place: read while a pause of the engine may end
	ruling   chan ruling
	dead     bool // killed
	ending   bool // its budget is over: its further calls return at once
	after    answerOf
	hangUp   func()
	deadline time.Time // of the call that waits for the end of its budget
	reruns   int       // of its first transaction
	level    string    // that the answer has to name
	tookOver bool
	late     bool // it found no time left to call the provider

	redisAway bool       // when it begins
	announced string     // to the observer, last
	sent      *batchSent // that the life waits for
	target    uint8      // the record that recovery finds due
	start     ruling     // of its takeover
}

// plan is what of a life's future its engine has to be set up for.
type plan struct {
	sleeps  bool // until no time is left for the provider
	runsOut int  // of its budget, as the so-manyth of the trace; zero: never
}

// answerOf is how a life ended, in the words of the model.
type answerOf struct {
	intent  uint8 // plus one, with an outcome
	out     outcome
	level   string // what served it
	refusal string // empty: an outcome
	unused  bool   // the key is known to be free
}

// What refuses a request beside the model's refusals.
const (
	notAvailable       = "503, unavailable"
	rejectedByProvider = "503 or 422, not sent or refused by the provider"
)

// place is the call of a store, a cache or the provider that a life has made and that has not returned.
type place uint8

const (
	atWork place = iota // none: it runs, or pauses
	atBegin
	atFirstCommit
	atResolve
	beforeCall
	atCall
	atComplete
	atInspect
	atRelease
	atTakeOver
	atLookUp
	atPublish
	finished
)

var places = [...]string{
	"at work", "beginning", "at its first COMMIT", "resolving a COMMIT", "before the call", "calling the provider", "completing",
	"inspecting", "releasing its claim", "taking over", "looking up", "publishing", "finished",
}

// announcements are the steps that an observer may have seen last of a life that stands in a place.
var announcements = [...]string{
	atBegin:       "entered begun resolved", // the last two: its first transaction runs again
	atFirstCommit: "begun",
	atResolve:     "begun",
	beforeCall:    "claimed",
	atCall:        "calling",
	atComplete:    "settling",
	atInspect:     "settling answered claimed resolved",
	atRelease:     "answered claimed resolved", // claimed: no time was left to call
	atTakeOver:    "entered begun resolved",
	atLookUp:      "taken_over",
	atPublish:     "committed entered begun claimed answered settling resolved", // all but the first: the outcome was another's, or found
	finished:      "published",
}

// ruling is what becomes of the call that a life waits in.
type ruling struct {
	happens when
	fails   failure
	answer  result // of the provider
	sends   bool   // the request arrives at the provider
	res     result // what the provider makes of it
	die     bool
}

type when uint8

const (
	now when = iota
	never
	later
	half
)

// failure is what is wrong with how the call ends.
type failure uint8

const (
	none       failure = iota
	raced              // rolled back; to be run again
	away               // the store can't be asked
	unknownEnd         // COMMIT was not answered
	unstorable         // a definite refusal
	timeUp             // no answer until the budget is over
)

func (l *life) at() place { return place(l.where.Load()) }

func (l *life) stands(at place) { l.where.Store(int32(at)) }

// park holds a life in a call until the trace goes on with it.
func (l *life) park(at place) ruling {
	l.stands(at)
	r := <-l.ruling
	l.stands(atWork)
	if r.die {
		runtime.Goexit()
	}
	return r
}

// mistake is something that a wrong engine would do. It is put between the engine and the ground.
type mistake uint8

const (
	noMistake            mistake = iota
	completesUnderAny            // completes a record under any claim
	releasesMarkerAlways         // also when a claim stands
	callsBeforeClaim             // before the claim is committed
	publishesTooEarly            // before the outcome is committed
)
