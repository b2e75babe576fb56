package model

// event is what happens in a step; its high byte may tell the provider's answer.
type event uint16

// action is an event and the process, replica, row or provider key that it happens to.
type action struct {
	event event
	who   uint8
}

func (e event) of(res result) event { return e | event(res)<<8 }

func (e event) result() result { return result(e >> 8) }

func (e event) class() class { return events[e&0xff].class }

func (e event) subject() subject { return events[e&0xff].subject }

// class says what a step costs, and whether it has to come.
type class uint8

const (
	progress class = iota // a process, a server or the network does its part: it comes in the end
	client                // a client sends: it comes in the end, too
	chance                // may come, or never
	slow                  // a process sleeps or a clock jumps: not counted, but over when the faults are
	fault                 // counted
)

// subject says what an action's number names.
type subject uint8

const (
	aProcess subject = iota
	aServer          // Postgres, at work for a process
	aReplica
	aRecord
	anAttempt
	aBookKey
	noSubject
)

const (
	repliedFromMemory event = iota
	repliedFromRedis
	arrived
	arrivedWithMarker
	arrivedWithoutRedis
	arrivedPastBadValue
	repliedFromPostgres
	repliedWithoutRedis
	refused
	begun
	leaseFoundOver
	claimFoundLost
	publishedOutcome
	answeredClient
	firstCommitted
	firstRolledBack
	firstUnanswered
	firstCutOff
	firstBelievedRolledBack
	effectCommittedAlone
	resolvedRolledBack
	resolvedMine
	resolveFailed
	resolvedTooEarly
	providerAnswered
	answerLost
	callTimedOut
	providerNotReached
	tooLate
	wokeTooLate
	completionCommitted
	completionUnanswered
	completionRolledBack
	completionAdrift
	completionCutOff
	completionImpossible
	completionCanceled
	toldTooEarly
	inspected
	inspectFailed
	claimLost
	currentRead
	currentUnreadable
	released
	releaseUnanswered
	releaseRolledBack
	releaseAdrift
	releaseCutOff
	releaseImpossible
	takenOver
	takeoverUnanswered
	dueSeen
	dueUpdated
	lookedUp
	lookUpFailed
	checkClaimed
	checkedUp
	checkFailed
	providerCanceled
	cancelRefused
	storeRefused
	checkLost
	notFoundOnce
	resendNoted
	givenUp
	applied
	applyUnanswered
	applyFailed
	applyCutOff
	waitedInVain
	halfEnded
	refusedWrongly
	hungUp
	backendCommitted
	backendRolledBack
	batchArrived
	batchLost
	requestArrived
	requestLost
	confirmationBegun
	confirmationEnded
	keyForgotten
	chargedAgain
	listLost
	becamePicky
	markerExpired
	leaseOverslept
	recordExpired
	recordForgotten
	checkOverslept
	attemptAged
	givingUpBegun
	givingUpRolledBack
	keySpent
	timelineSeen
	killed
	redisFlushed
	redisStale
	redisLies
	replicationStalled
	promoted
)
