package simulator

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxDelay bounds the <ms> of payment methods.
const maxDelay = 60 * time.Second

// loss is what happens instead of an answer, the way a broken provider or network does it.
type loss func(*Simulator, http.ResponseWriter, *http.Request)

// fault is what goes wrong with one call, whatever it asks for. The zero value is none.
type fault struct {
	delay       time.Duration // before anything is seen of the call
	declineCode string        // not "": the card is declined
	surplus     bool          // one minor unit more is moved than was asked, or less where there is no more
	course      []stage       // what a refund goes through
	failFirst   bool          // the first call under a key ends in lost without an effect
	failForever bool          // every call ends in a stored 500
	lost        loss          // what happens instead of the answer; nil with failFirst: a 500
	asked       bool          // by POST /simulator/faults: for this call, also when it isn't the first under its key
}

// The operations that a fault can be chosen for, and that a payment method's name can name.
const (
	opCharge  = "charge"
	opCapture = "capture"
	opCancel  = "cancel"
	opRefund  = "refund"
)

// faultOf knows the faults by name. A cancellation moves no amount, and only a refund goes on by itself.
func faultOf(operation, name string) (f fault, ok bool) {
	switch name {
	case "timeout_done":
		f.lost = silence
	case "timeout_not_done":
		f.failFirst, f.lost = true, silence
	case "error_then_ok":
		f.failFirst = true
	case "error_stored":
		f.failForever = true
	case "reset_done":
		f.lost = reset
	case "declined":
		f.declineCode = "generic_decline"
	case "wrong_amount":
		f.surplus = true
		return f, operation != opCancel
	default:
		if f.delay = milliseconds(name, "slow_"); f.delay >= 0 {
			return f, true
		}
		f = fault{course: refundCourse(name)}
		return f, operation == opRefund && f.course != nil
	}
	return f, true
}

// breaks reports whether the call ends without an effect, and how.
func (c *call) breaks() (e effect, broken bool) {
	failure := problem(http.StatusInternalServerError, wireError{Type: typeAPIError, Message: "An unknown error occurred."})
	switch f := c.fault; {
	case f.failForever:
		return effect{stored: true, answer: failure}, true
	case f.failFirst && (f.asked || !c.tripped):
		return effect{tripped: true, answer: failure, lost: f.lost}, true
	}
	return effect{}, false
}

// done is the effect of a call that did something: its answer may be lost all the same.
func (c *call) done(changed entry, a *answer) effect {
	e := effect{entry: changed, stored: true, answer: a}
	if !c.fault.failFirst {
		e.lost = c.fault.lost
	}
	return e
}

// wrong is an amount other than the one asked for, where there is one up to most.
func (f fault) wrong(amount, most int64) int64 {
	switch {
	case !f.surplus || amount == 0:
		return amount
	case amount < most:
		return amount + 1
	}
	return max(amount-1, 1)
}

// declined is the effect of a card that is refused: nothing moves, and the answer is kept. in is the intent that the provider
// shows with it, nil for none.
func (f fault) declined(in *intent) effect {
	return effect{stored: true, answer: problem(http.StatusPaymentRequired, wireError{
		Type: typeCardError, Code: "card_declined", DeclineCode: f.declineCode, Message: "Your card was declined.", PaymentIntent: in,
	})}
}

// method is how a payment method behaves when it is charged.
type method struct {
	fault
	authenticate bool    // the customer has to be asked
	course       []stage // what the intent shows before it is charged; the times count from its creation
	hang         bool    // the answer waits for the end of the course
	leave        bool    // the intent is left untried
}

// methodOf knows the payment methods by name. Another name is one that does not exist.
func methodOf(name string) (m method, ok bool) {
	switch name {
	case "pm_card_visa":
	case "pm_card_chargeDeclined":
		m.declineCode = "generic_decline"
	case "pm_card_chargeDeclinedInsufficientFunds":
		m.declineCode = "insufficient_funds"
	case "pm_card_authenticationRequired":
		m.authenticate = true
	case "pm_sim_timeout_charged":
		m.fault, _ = faultOf(opCharge, "timeout_done")
	case "pm_sim_timeout_not_charged":
		m.fault, _ = faultOf(opCharge, "timeout_not_done")
	case "pm_sim_reset_charged":
		m.fault, _ = faultOf(opCharge, "reset_done")
	case "pm_sim_error_then_ok", "pm_sim_error_stored", "pm_sim_wrong_amount":
		m.fault, _ = faultOf(opCharge, strings.TrimPrefix(name, "pm_sim_"))
	case "pm_sim_untried":
		m.leave, m.lost = true, silence
	default:
		return timedMethod(name)
	}
	return m, true
}

// timedMethod knows the payment methods whose names hold milliseconds, or the fault of a later operation.
func timedMethod(name string) (m method, ok bool) {
	if took := milliseconds(name, "pm_sim_slow_visible_"); took >= 0 {
		return method{hang: true, course: []stage{
			{0, statusRequiresMethod},
			{took.Milliseconds() / 3, statusRequiresConfirm},
			{2 * took.Milliseconds() / 3, statusProcessing},
			{took.Milliseconds(), ""},
		}}, true
	}
	for prefix, status := range map[string]string{"pm_sim_processing_": statusProcessing, "pm_sim_strange_": statusStrange} {
		if took := milliseconds(name, prefix); took >= 0 {
			return method{course: []stage{{0, status}, {took.Milliseconds(), ""}}}, true
		}
	}
	if m.delay = milliseconds(name, "pm_sim_slow_"); m.delay >= 0 {
		return m, true
	}
	for _, operation := range []string{opCapture, opCancel, opRefund} {
		if _, ok := laterFault(operation, name); ok {
			return method{}, true
		}
	}
	return method{}, false
}

// laterFault is the fault that a payment method's name holds for an operation on the charge.
func laterFault(operation, method string) (f fault, ok bool) {
	name, ok := strings.CutPrefix(method, "pm_sim_"+operation+"_")
	if !ok {
		return fault{}, false
	}
	return faultOf(operation, name)
}

// milliseconds reads what follows the prefix; -1 for any other name and for more than maxDelay.
func milliseconds(name, prefix string) time.Duration {
	digits, ok := strings.CutPrefix(name, prefix)
	ms, err := strconv.ParseUint(digits, 10, 32)
	delay := time.Duration(ms) * time.Millisecond //nolint:gosec // 32 bits of milliseconds fit
	if !ok || err != nil || delay > maxDelay {
		return -1
	}
	return delay
}

// pause waits for d; false when the simulator is closed before.
func (s *Simulator) pause(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.closing:
		return false
	}
}

// silence keeps the connection open and says nothing until the client goes.
func silence(s *Simulator, _ http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), maxSilence)
	defer cancel()
	select {
	case <-ctx.Done():
	case <-s.closing:
	}
	panic(http.ErrAbortHandler) // the one way to end a handler without an answer
}

// reset closes the connection with a TCP RST.
func reset(_ *Simulator, w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2 or a recorder: no connection of its own, so the stream is cut
	}
	defer conn.Close()
	raw := conn
	if secured, ok := conn.(*tls.Conn); ok {
		raw = secured.NetConn()
	}
	if tcp, ok := raw.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // unsent data is dropped and the peer gets a reset
	}
}
