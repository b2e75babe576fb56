package idempotency

import (
	"crypto/rand"
	"slices"
	"time"
)

// Tenant is the owner of a key: in payonce, the merchant. Two tenants that send one key never meet.
type Tenant [16]byte

// ClaimID names one owner of a key. It is new at the first claim and at each takeover.
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
	Canceled   State = "canceled" // given up before a request with the key had an effect
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
	// Secret says that the body shows a secret, such as a credential that is shown once: the store seals it, and no cache keeps it.
	Secret bool
}

// Storable reports whether a status is an outcome that spends the key.
func Storable(status int) bool { return status >= 200 && status <= 299 || status == 402 }

// Record is one row of the store: what is known about one key of one tenant.
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
	CanceledAt  time.Time // when the key was given up, by the store's clock; zero: it was not
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
	Route       string        // the pattern that the path matched, for observers
	Limiter     string        // whose rate is counted; empty: it is not counted
	Wait        time.Duration // how long a duplicate waits for the outcome; zero: not at all
	// Repeated is set by the engine: a copy of the request was met, or its client would wait for one, so that its key is likely known.
	Repeated bool

	// Earlier computes the fingerprints that earlier releases gave this request; nil: there are none. It is called only
	// where a record has another fingerprint than Fingerprint.
	Earlier func() []Fingerprint

	ran     *bool   // whether work has run for this request, in any of its attempts
	unseen  bool    // what LookupResult.Unseen said
	assumed bool    // what LookupResult.Assumed said
	flight  *flight // of which this request is the first
	claimID ClaimID // of all runs of this request, so that what an earlier run committed is known to be its own
}

// same reports whether a record's fingerprint is this request's, by the present computation or an earlier one.
func (r Request) same(recorded Fingerprint) bool {
	return recorded == r.Fingerprint || r.Earlier != nil && slices.Contains(r.Earlier(), recorded)
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

	Operation string    // of the record
	Until     time.Time // the lease's end on this process's monotonic clock, counted from before the claim was sent
}

// claimed is the claim that a record in progress stands for, while this process has it.
func (r *Record) claimed(until time.Time) *Claim {
	return &Claim{r.Tenant, r.KeyHash, r.ClaimID, r.Fence, r.Operation, until}
}

// Source is what served an outcome; metrics and traces use it as a label.
type Source string

// The sources, from the cheapest replay to an execution.
const (
	SourceMemory   Source = "memory"   // in the process: L1, or what another copy at the same moment found or made
	SourceRedis    Source = "redis"    // L2, a value that authenticated itself
	SourcePostgres Source = "postgres" // L3, the store
	SourceFirst    Source = "first"    // executed now
	SourceTakeover Source = "takeover" // the lease of another claim was over; this request finished its work
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
	Source    Source
	ExpiresAt time.Time // end of replay
	Waited    bool      // a Prefer: wait was honoured
	Admission Admission // also set when Do returns an error
	// KeyUnused is set only together with an error: this request looked its key up in the store, there is no record,
	// and nothing of this request goes on. What it doesn't know it doesn't say: a miss in a cache is no look-up.
	KeyUnused bool
}

// Replayed reports whether the response was stored by an earlier request.
func (o Outcome) Replayed() bool {
	return o.Source == SourceMemory || o.Source == SourceRedis || o.Source == SourcePostgres
}
