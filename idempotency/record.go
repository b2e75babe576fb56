package idempotency

import (
	"crypto/rand"
	"time"
)

// Tenant is the owner of a key: in payonce, the merchant. Two tenants that send one key never meet.
type Tenant [16]byte

// ClaimID names one holder of a key. It is new at the first claim and at each takeover.
type ClaimID [16]byte

// NewClaimID returns a random version 4 UUID (RFC 9562, section 5.4).
func NewClaimID() ClaimID {
	var id ClaimID
	_, _ = rand.Read(id[:]) // crypto/rand.Read never returns an error; it ends the process instead
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id
}

// State is where a record stands in its life; doc.go draws the arrows.
type State string

// The states of a record. A key without a record has none of them.
const (
	InProgress State = "in_progress"
	Completed  State = "completed"
	Expired    State = "expired"
)

// Resource is what a request made or changed. It outlives the response: an expired key still answers with a link to it.
type Resource struct {
	Type string // "order", "payment", ...; empty when there is none
	ID   [16]byte
}

// Header is one response header that is replayed together with the body.
type Header struct{ Name, Value string }

// Response is the outcome of a request, as the client sees it now and at each replay.
type Response struct {
	Status   int // 200-299 or 402: only outcomes are stored
	Headers  []Header
	Body     []byte
	Resource Resource
}

// Storable tells whether a status is an outcome that spends the key.
func Storable(status int) bool { return status >= 200 && status <= 299 || status == 402 }

// Record is one row of the authority: what is known about one key of one tenant.
type Record struct {
	Tenant      Tenant
	KeyHash     [32]byte
	Fingerprint Fingerprint
	Method      string
	Path        string
	State       State
	ClaimID     ClaimID
	Fence       int64         // grows by one at each takeover
	LeaseLeft   time.Duration // in progress only, by the store's clock at the read; zero or less: may be taken over
	Operation   string        // the external operation to resume; empty for a local effect
	Resource    Resource
	Response    *Response // completed only
	ExpiresAt   time.Time // end of replay, by the store's clock
	Timeline    uint32    // the store's timeline the record was read or written on, for caches
}

// Request is one arrival of a request with its key.
type Request struct {
	Tenant      Tenant
	Key         Key
	KeyHash     [32]byte
	Fingerprint Fingerprint
	Method      string
	Path        string
	Limiter     string        // whose rate is counted; empty: nobody's
	Wait        time.Duration // how long a duplicate waits for the outcome; zero: not at all

	unseen bool // what Entry.Unseen said
}

// id is the identity under which copies of a request meet inside the process.
func (r Request) id() recordID { return recordID{r.Tenant, r.KeyHash} }

type recordID struct {
	tenant  Tenant
	keyHash [32]byte
}

// Claim is the right to bring one record to its end. Every write made under it carries all of it.
type Claim struct {
	Tenant  Tenant
	KeyHash [32]byte
	ClaimID ClaimID
	Fence   int64
	Until   time.Time // the lease's end on this process's monotonic clock, counted from before the claim was sent
}

// Level tells what served an outcome; metrics and traces use it as a label.
type Level string

// The levels, from the cheapest replay to an execution.
const (
	LevelMemory   Level = "memory"   // L1, in the process
	LevelRedis    Level = "redis"    // L2, a value that authenticated itself
	LevelPostgres Level = "postgres" // L3, the authority
	LevelFirst    Level = "first"    // executed now
	LevelTakeover Level = "takeover" // another holder's lease was over; this request finished its work
)

// Admission is a rate limiter's decision about one request.
type Admission struct {
	Allowed    bool
	Limited    bool // a limiter is in force; without one the numbers mean nothing
	Limit      int  // requests per window
	Window     time.Duration
	Remaining  int
	Reset      time.Duration // until the limit is whole again
	RetryAfter time.Duration // when refused: until one more request fits
}

// Outcome is what Do hands back for rendering.
type Outcome struct {
	Response  *Response
	Level     Level
	ExpiresAt time.Time // end of replay
	Waited    bool      // a Prefer: wait was honoured
	Admission Admission // also set when Do returns an error
}

// Replayed tells whether the response was stored by an earlier request.
func (o Outcome) Replayed() bool {
	return o.Level == LevelMemory || o.Level == LevelRedis || o.Level == LevelPostgres
}
