package simulator

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxBody bounds a request's form.
const maxBody = 64 << 10

// call is one authenticated request that may change something.
type call struct {
	account   string // hash of the bearer key
	key       string // Idempotency-Key, "" when there was none
	id        string // of the path
	form      url.Values
	origin    string // scheme and host under which the customer reaches the simulator
	tripped   bool   // an earlier call under this key failed on purpose, without a charge
	fault     fault
	operation string
	started   string // the intent that this call, or an earlier one under its key, has made and not answered with
}

// effect is what a mutation decided.
type effect struct {
	entry  entry   // what it changes
	answer *answer // what it says
	stored bool    // the answer is kept for the key; false where Stripe would not have started to execute
	// tripped remembers that the key's first call failed on purpose, so that the next one does not.
	tripped bool
	// then, when set, decides the answer after the delay; until then the key stays in flight, and the entry can be seen.
	then  func(*call) effect
	delay time.Duration
	// lost, when set, happens instead of the answer, after the entry is on the disk.
	lost loss
}

// refused is the effect of a request that fails validation: nothing changes and the key stays free.
func refused(a *answer) effect { return effect{answer: a} }

// mutation wraps work with authentication, the idempotency key and the faults. work decides under the lock, so it must
// not wait; its entry and the key's answer are one line of the book.
func (s *Simulator) mutation(operation string, work func(*call) effect) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, refusal := s.newCall(w, r, operation)
		if refusal != nil {
			write(w, refusal)
			return
		}
		replayed, refusal := s.begin(c, fingerprint(r, c.form))
		switch {
		case refusal != nil:
			write(w, refusal)
			return
		case replayed != nil:
			w.Header().Set("Idempotent-Replayed", "true")
			s.reply(w, replayed, s.book.unwritten())
			return
		}
		// Like a real provider's, this work does not stop because the client has gone.
		s.meet(c)
		s.rest(c, c.fault.delay)
		e, wait := s.execute(c, work)
		for e.then != nil {
			s.rest(c, e.delay)
			e, wait = s.execute(c, e.then)
		}
		if e.lost != nil && wait.wait() == nil {
			e.lost(s, w, r)
			return
		}
		s.reply(w, e.answer, wait)
	}
}

// rest waits for d. When the simulator is closed before, the connection ends without an answer.
func (s *Simulator) rest(c *call, d time.Duration) {
	if s.pause(d) {
		return
	}
	s.mu.Lock()
	s.release(c)
	s.mu.Unlock()
	panic(http.ErrAbortHandler)
}

// execute runs work and saves what it changed together with the key's new state.
func (s *Simulator) execute(c *call, work func(*call) effect) (effect, *batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var e effect
	defer func() { // also when work panics; under the same lock, or it could end the hold of the next call
		if e.then == nil {
			s.release(c)
		}
	}()
	s.advance()
	e = work(c)
	if c.key != "" && (e.stored || e.tripped || e.then != nil) {
		key := *s.keys[c.keyID()]
		key.inFlight, key.Tripped, key.Started = e.then != nil, key.Tripped || e.tripped, c.started
		if e.stored {
			key.Answer = e.answer
		}
		e.entry.Key = &key
	}
	if e.entry == (entry{}) {
		return e, nil
	}
	return e, s.save(e.entry)
}

// release ends the call's hold on its key. The caller holds the lock.
func (s *Simulator) release(c *call) {
	if key := s.keys[c.keyID()]; key != nil {
		key.inFlight = false
	}
}

// reply sends a once everything that it shows is on the disk.
func (s *Simulator) reply(w http.ResponseWriter, a *answer, wait *batch) {
	if err := wait.wait(); err != nil {
		s.log.Error("simulator cannot keep its book", "error", err)
		a = problem(http.StatusInternalServerError, wireError{Type: typeAPIError, Message: "The book cannot be kept."})
	}
	write(w, a)
}

// newCall reads what every mutation needs, or says why not.
func (s *Simulator) newCall(w http.ResponseWriter, r *http.Request, operation string) (*call, *answer) {
	account, refusal := accountOf(r)
	if refusal != nil {
		return nil, refusal
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if err := r.ParseForm(); err != nil {
		return nil, invalid("", "", "The request body could not be read as a form of at most 64 KiB.")
	}
	if r.URL.RawQuery != "" {
		return nil, invalid(codeParameterUnknown, "", "Parameters of a POST belong in its body.")
	}
	keys := r.Header.Values("Idempotency-Key")
	if len(keys) > 1 || (len(keys) == 1 && (keys[0] == "" || len(keys[0]) > 255)) {
		return nil, problem(http.StatusBadRequest, wireError{
			Type:    typeIdempotency,
			Message: "Idempotency-Key must be one header of 1 to 255 characters.",
		})
	}
	c := &call{account: account, operation: operation, id: r.PathValue("id"), form: r.PostForm, origin: s.publicURL}
	if len(keys) == 1 {
		c.key = keys[0]
	}
	if c.origin == "" {
		c.origin = "http://" + r.Host
	}
	return c, nil
}

// accountOf takes any bearer key and returns the account behind it: its hash, so that the book holds no secret.
func accountOf(r *http.Request) (account string, refusal *answer) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	token = strings.TrimSpace(token)
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return "", problem(http.StatusUnauthorized, wireError{
			Message: "You did not provide an API key. Send it as 'Authorization: Bearer YOUR_SECRET_KEY'.",
		})
	}
	sum := sha256.Sum256([]byte("payonce simulator account\x00" + token))
	return hex.EncodeToString(sum[:8]), nil
}

// fingerprint distinguishes two requests under one key. url.Values encodes sorted by name.
func fingerprint(r *http.Request, form url.Values) string {
	sum := sha256.Sum256([]byte(r.Method + " " + r.URL.Path + "\n" + form.Encode()))
	return hex.EncodeToString(sum[:16])
}

func (c *call) keyID() string { return c.account + ":" + c.key }

// begin claims the key for this call. It returns the stored answer when there is one, a refusal when the key is in
// flight or was used with other parameters, and neither when the caller is to do the work.
func (s *Simulator) begin(c *call, params string) (replayed, refusal *answer) {
	if c.key == "" {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := s.seen(c.keyID())
	if key.Requests > 1 {
		s.book.append(entry{Seen: key.ID})
	}
	c.tripped, c.started = key.Tripped, key.Started
	switch known := key.inFlight || key.Tripped || key.Started != "" || key.Answer != nil; {
	case known && key.Params != params:
		return nil, problem(http.StatusBadRequest, wireError{
			Type:    typeIdempotency,
			Message: "Keys for idempotent requests can only be used with the same parameters they were first used with.",
		})
	case key.inFlight:
		return nil, problem(http.StatusConflict, wireError{
			Code:    "idempotency_key_in_use",
			Message: "There is currently another in-progress request using this Idempotency-Key.",
		})
	case key.Answer != nil:
		return key.Answer, nil
	}
	key.inFlight, key.Params = true, params
	return nil, nil
}
