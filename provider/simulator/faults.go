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

// maxDelay bounds pm_sim_slow_<ms>.
const maxDelay = 60 * time.Second

// fault answers a request the way a broken provider or network does.
type fault func(*Simulator, http.ResponseWriter, *http.Request)

// method is how a payment method behaves.
type method struct {
	declineCode  string // not "": the card is declined
	authenticate bool   // the payer has to be asked
	surplus      int64  // charged on top of what was asked, in minor units

	failFirst   bool  // the first call under a key ends in lost without a charge
	failForever bool  // every call ends in a stored 500
	lost        fault // what happens instead of the answer; nil with failFirst: a 500
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
		m.lost = silence
	case "pm_sim_timeout_not_charged":
		m.failFirst, m.lost = true, silence
	case "pm_sim_error_then_ok":
		m.failFirst = true
	case "pm_sim_error_stored":
		m.failForever = true
	case "pm_sim_reset_charged":
		m.lost = reset
	case "pm_sim_wrong_amount":
		m.surplus = 1
	default:
		return method{}, delayOf(name) >= 0
	}
	return m, true
}

// delayOf reads the milliseconds of pm_sim_slow_<ms>; -1 for any other name and for more than maxDelay.
func delayOf(name string) time.Duration {
	digits, ok := strings.CutPrefix(name, "pm_sim_slow_")
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
