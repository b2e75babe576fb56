package model

// The bounds of a world. They are small on purpose: every interleaving is visited.
const (
	replicas   = 2
	maxRequest = 3
	maxProcess = maxRequest + replicas // each replica has one background process for recovery and checks
	maxIdent   = 2                     // merchant and key
	maxIntent  = 3                     // merchant, key and request
	maxBook    = 3                     // provider keys
)

// world is everything that the protocol can know or touch, at one moment: two equal worlds have the same future. Whose
// claim and whose marker it is are numbers of processes plus one; zero is a process that is gone.
type world struct {
	pg      postgres
	standby postgres // what a promotion would leave, while replication stalls (F13); else zero
	procs   [maxProcess]process
	late    [maxIdent]batch
	redis   [maxIdent]value
	memory  [replicas][maxIdent]reply // L1
	book    [maxBook]charge
	giving  [maxIdent]bool  // a transaction that gives the key up holds its lock
	told    [maxIdent]reply // the first outcome that a client got: what all later ones must be

	view     [replicas]uint8 // the timeline as each replica knows it (postgres.PrimaryMonitor)
	timeline uint8           // of the primary; 1 after a promotion that lost commits
	stalled  bool
	unread   bool  // the provider's list can't be read any more (F38)
	picky    bool  // the store refuses what the provider answers
	fresh    uint8 // counts what the sabotages don't derive
	bad      violation
}

// postgres is what is committed. Locks are not here: they follow from where processes stand.
type postgres struct {
	records  [maxIdent]record
	payments [maxIntent]payment
}

// record is a row of idempotency_keys. A claim stands for claim_id and fence: no two owners have the same.
type record struct {
	state  recordState
	intent uint8 // whose fingerprint, and whose payment
	claim  uint8
	out    outcome
	over   bool // the lease is, by Postgres's clock
	taken  bool // at least once taken over: its fence is above 1
}

type recordState uint8

const (
	absent recordState = iota
	inProgress
	completed
	expired   // a tombstone
	forgotten // deleted; what was made under it stays
	spent     // given up before anything was made under it
)

// known tells whether the row exists.
func (s recordState) known() bool { return s != absent && s != forgotten }

// payment is a row of payments with its provider attempt, capture and ledger entry, or the effect of a local request.
type payment struct {
	status  paymentStatus
	ledger  uint8 // entries
	key     uint8 // the provider key, as an index of the book
	id      uint8
	attempt attemptStatus
	claim   uint8 // of a check
	leased  bool  // the check's lease runs
	missed  bool  // not_found_at is set
	old     bool  // RESEND_MAX_AGE is over
	review  bool  // needs_review
}

type paymentStatus uint8

const (
	noPayment paymentStatus = iota
	processing
	succeeded
	failed
)

func (s paymentStatus) live() bool { return s == processing || s == succeeded }

type attemptStatus uint8

const (
	noAttempt  attemptStatus = iota
	sent                     // the record is in progress
	unresolved               // unknown: checks look it up
	resolved
)

// process is a client's request at work on a replica, or a replica's background process.
type process struct {
	pc     pc
	on     uint8 // replica
	intent uint8
	claim  uint8 // under which it writes
	key    uint8 // of the operation that it works on: the provider key; of one that has its reply: the timeline of that
	id     uint8 // and the payment's id
	res    result
	gone   bool // its client hung up
	odd    bool // sabotages only: it has done something too early, or works with what it read in an earlier transaction
}

// pc is where a process stands; the function named here is its next step.
type pc uint8

const (
	idle              pc = iota
	entered              // Store.Begin; only in fine steps, as the four that say so below
	takingOver           // Store.TakeOver (fine)
	losing               // Engine.answerFromCurrent (fine)
	committed            // Engine.publish (fine)
	answering            // the socket (fine)
	open                 // Store.Claim or Store.Commit: the first COMMIT
	openUnknown          // none: the old backend may still be at work on the first COMMIT
	resolving            // Store.Resolve
	calling              // Operation.Call
	overslept            // the same, for longer than the provider remembers keys
	answered             // Store.Complete
	inspecting           // Store.Inspect after an unknown COMMIT of Complete
	releasing            // Store.Release
	inspectingRelease    // Store.Inspect after an unknown COMMIT of Release
	dueRead              // a sabotage: what is due was read, and is updated next
	lookingUp            // Resumption.LookUp after a takeover
	checking             // Operation.LookUp of a claimed attempt
	missing              // operation.missing: note what was not found
	leaving              // operation.review: leave it to a person
	canceling            // operation.cancelUntried
	resending            // operation.resend: the call
	oversleptResend      // the same, for longer than the provider remembers keys
	applying             // Database.Apply
	applyUnknown         // none: Apply's batch is on its way, or is being executed
)

// checks tells whether the process works on an attempt, not on a record.
func (s pc) checks() bool { return s >= checking }

// batch is a transaction (all of it, or its last part, in one message) that was sent and given up, and has not reached
// Postgres, or only in part.
type batch struct {
	kind   batchKind
	res    result
	intent uint8
	mine   bool // the record still has the claim that the batch carries
	half   bool // the first part has arrived and holds its locks, the rest never comes (F36)
}

type batchKind uint8

const (
	noBatch batchKind = iota
	completionBatch
	releaseBatch
	firstBatch // these two only as halves
	applyBatch
)

// value is what stands under one name in Redis.
type value struct {
	kind  valueKind
	owner uint8 // of a marker
	reply reply
}

type valueKind uint8

const (
	nothing valueKind = iota
	marker
	published
	forged
)

// reply is a stored response: status and bytes follow from the request that it answers and its outcome. The timeline is
// the one that its reader or writer knew.
type reply struct {
	intent   uint8 // plus one; zero: no reply
	out      outcome
	timeline uint8
}

type outcome uint8

const (
	noOutcome   outcome = iota
	created             // 201
	accepted            // 202
	refusedCard         // 402
	broken              // 5xx, which is none
)

// charge is what the provider knows under one provider key: an entry of its book, and its memory of the key.
type charge struct {
	result     result // unknown: it stands in no list
	charges    uint8
	id         uint8 // metadata[payment_id]
	intent     uint8
	keyed      bool // the key is remembered
	refused    bool // as a request, at least once; a refusal is no entry of the book
	again      bool // the provider has charged a second time, by a mistake of its own
	onItsWay   bool // a request under this key is in the network, and no process waits for its answer
	sentID     uint8
	sentIntent uint8
}

type result uint8

const (
	unknown result = iota
	approved
	declined
	rejected   // as a request: 400, 404, 422
	untried    // requires_payment_method without an error, requires_confirmation: it may be charged yet, or stay so for ever
	confirming // processing, an unknown word: it will be charged or declined
	canceled   // by us, and confirmed
	unclear    // of a look-up: it could not read all, or not make sense of it
)
