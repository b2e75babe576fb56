package idempotency_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/payonce/payonce/idempotency"
)

// tx is the fake's transaction: the effects that commit with it.
type tx struct {
	req     idempotency.Request
	mine    bool // holds the key
	effects []string
}

// doubt is what happens to a COMMIT whose answer is lost.
type doubt int

const (
	none doubt = iota
	committed
	rolledBack
	late // committed, but only after it was asked what became of it
)

// store is an authority in memory. Its clock is the process's; next says what becomes of the next COMMIT.
type store struct {
	mu      sync.Mutex
	records map[[32]byte]*idempotency.Record
	until   map[[32]byte]time.Time
	held    map[[32]byte]bool
	effects []string
	next    doubt
	late    func() // commits what is late
	lease   time.Duration
	open    int  // transactions that were begun and have not ended
	race    int  // how many COMMITs to come lose a race
	away    int  // how many settlements to come find the store away
	brief   bool // replays are over as soon as they are stored
}

func newStore() *store {
	return &store{
		records: map[[32]byte]*idempotency.Record{}, until: map[[32]byte]time.Time{}, held: map[[32]byte]bool{}, lease: 30 * time.Second,
	}
}

func (s *store) Begin(_ context.Context, req idempotency.Request, reads func(*tx)) (*tx, idempotency.Found, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := &tx{req: req}
	s.open++
	if reads != nil {
		reads(t)
	}
	if rec := s.read(req.KeyHash); rec != nil {
		return t, idempotency.Found{Record: rec}, nil
	}
	if s.held[req.KeyHash] {
		return t, idempotency.Found{}, nil
	}
	s.held[req.KeyHash], t.mine = true, true
	return t, idempotency.Found{Mine: true}, nil
}

func (s *store) read(key [32]byte) *idempotency.Record {
	rec := s.records[key]
	if rec == nil {
		return nil
	}
	read := *rec
	read.LeaseLeft = time.Until(s.until[key])
	if s.brief && read.State == idempotency.Completed {
		read.State, read.Response = idempotency.Expired, nil
	}
	return &read
}

// commit applies a change, or not, and says what its caller hears of it.
func (s *store) commit(apply func()) error {
	doubt := s.next
	s.next = none
	if s.race > 0 {
		s.race--
		return idempotency.ErrSerialization
	}
	switch doubt {
	case rolledBack:
	case late:
		s.late = apply
	default:
		apply()
	}
	if doubt != none {
		return idempotency.ErrCommitUnknown
	}
	return nil
}

// Open is for stores whose gate knows nothing of a key; opener has it.
func (s *store) Open(idempotency.Request) *tx { panic("no gate, no batch") }

func (s *store) Commit(_ context.Context, t *tx, rec *idempotency.Record) error {
	return s.insert(t, rec, idempotency.Completed)
}

func (s *store) Claim(_ context.Context, t *tx, rec *idempotency.Record) error {
	return s.insert(t, rec, idempotency.InProgress)
}

func (s *store) insert(t *tx, rec *idempotency.Record, state idempotency.State) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(t)
	rec.State, rec.Timeline = state, 1
	kept := *rec
	return s.commit(func() {
		s.records[rec.KeyHash], s.until[rec.KeyHash] = &kept, time.Now().Add(s.lease)
		s.effects = append(s.effects, t.effects...)
	})
}

func (s *store) Rollback(t *tx) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(t)
}

// end closes a transaction, which frees its key.
func (s *store) end(t *tx) {
	s.open--
	if t.mine {
		delete(s.held, t.req.KeyHash)
	}
}

func (s *store) mine(claim idempotency.Claim) *idempotency.Record {
	rec := s.records[claim.KeyHash]
	if rec == nil || rec.State != idempotency.InProgress || rec.ClaimID != claim.ClaimID || rec.Fence != claim.Fence {
		return nil
	}
	return rec
}

func (s *store) Complete(ctx context.Context, claim idempotency.Claim, writes func(*tx) (*idempotency.Response, error)) (*idempotency.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%w: %w", idempotency.ErrUnavailable, ctx.Err())
	}
	if s.away > 0 {
		s.away--
		return nil, idempotency.ErrUnavailable
	}
	rec := s.mine(claim)
	if rec == nil {
		return nil, idempotency.ErrClaimLost
	}
	t := &tx{}
	response, err := writes(t)
	if err != nil {
		return nil, err
	}
	err = s.commit(func() {
		rec.State, rec.Response = idempotency.Completed, response
		s.effects = append(s.effects, t.effects...)
	})
	if err != nil {
		return nil, err
	}
	return s.read(claim.KeyHash), nil
}

func (s *store) Release(_ context.Context, claim idempotency.Claim, undo func(*tx)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mine(claim) == nil {
		return idempotency.ErrClaimLost
	}
	t := &tx{}
	undo(t)
	return s.commit(func() {
		delete(s.records, claim.KeyHash)
		s.effects = append(s.effects, t.effects...)
	})
}

func (s *store) TakeOver(_ context.Context, _ idempotency.Tenant, key [32]byte) (*idempotency.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	rec := s.records[key]
	if rec == nil || rec.State != idempotency.InProgress || time.Until(s.until[key]) > 0 {
		return nil, nil
	}
	rec.Fence++
	rec.ClaimID, s.until[key] = idempotency.NewClaimID(), time.Now().Add(s.lease)
	return s.read(key), nil
}

func (s *store) TakeOverDue(ctx context.Context, _ int) ([]*idempotency.Record, error) {
	s.mu.Lock()
	keys := [][32]byte{}
	for key := range s.records {
		keys = append(keys, key)
	}
	s.mu.Unlock()
	var due []*idempotency.Record
	for _, key := range keys {
		if rec, _ := s.TakeOver(ctx, idempotency.Tenant{}, key); rec != nil {
			due = append(due, rec)
		}
	}
	return due, nil
}

func (s *store) Find(_ context.Context, _ idempotency.Tenant, key [32]byte) (*idempotency.Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read(key), nil
}

func (s *store) Probe(_ context.Context, _ idempotency.Tenant, key [32]byte) (*idempotency.Record, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.read(key), s.held[key], nil
}

func (s *store) Resolve(ctx context.Context, t idempotency.Tenant, key [32]byte) (*idempotency.Record, error) {
	rec, err := s.Find(ctx, t, key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.late != nil {
		s.late()
		s.late = nil
	}
	return rec, err
}

func (s *store) Inspect(ctx context.Context, t idempotency.Tenant, key [32]byte) (*idempotency.Record, error) {
	return s.Find(ctx, t, key)
}

// operation is a charge; its parts can be replaced.
type operation struct {
	ready   error
	prepare error
	call    func(ctx context.Context) told
	lookUp  func() told
	calls   int
	reads   int
	learned string
}

// told is what the fake's provider answers. An empty truth is no answer.
type told struct {
	truth   string
	refused error
}

func (o *operation) learn(t told) idempotency.Answer {
	o.learned = t.truth
	return idempotency.Answer{Known: t.truth != "", Refused: t.refused}
}

func (*operation) Name() string { return "charge" }
func (*operation) Resource() idempotency.Resource {
	return idempotency.Resource{Type: "charge", ID: [16]byte{1}}
}
func (o *operation) Ready() error { return o.ready }
func (o *operation) Reads(*tx)    { o.reads++ }
func (o *operation) Prepare(_ context.Context, t *tx, _ idempotency.Claim) error {
	t.effects = append(t.effects, "prepared")
	return o.prepare
}

func (o *operation) Call(ctx context.Context) idempotency.Answer {
	o.calls++
	if o.call != nil {
		return o.learn(o.call(ctx))
	}
	return o.learn(told{truth: "charged"})
}

func (o *operation) LookUp(context.Context) idempotency.Answer {
	if o.lookUp != nil {
		return o.learn(o.lookUp())
	}
	return o.learn(told{truth: "found"})
}

func (o *operation) Complete(_ context.Context, t *tx, answer idempotency.Answer) (*idempotency.Response, error) {
	truth := ""
	if answer.Known {
		truth = o.learned
	}
	t.effects = append(t.effects, truth)
	return &idempotency.Response{Status: 201, Body: []byte(truth)}, nil
}

func (*operation) Undo(t *tx) { t.effects = append(t.effects, "undone") }

// Resume implements the resumer: the operation is its own.
func (o *operation) Resume(context.Context, *idempotency.Record) (idempotency.Resumption[*tx], error) {
	return o, nil
}
