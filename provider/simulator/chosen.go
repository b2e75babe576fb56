package simulator

import (
	"encoding/json"
	"mime"
	"net/http"
)

// chosen is a fault that POST /simulator/faults asked for, for the next calls of one operation.
type chosen struct {
	Operation string `json:"operation"`
	Fault     string `json:"fault"`
	Times     int    `json:"times"`
}

// maxChosen bounds how many calls one request may choose a fault for.
const maxChosen = 1_000_000

// meet finds out what goes wrong with a call that is about to do its work: what was asked for, else what the payment method's
// name says.
func (s *Simulator) meet(c *call) {
	if c.started != "" {
		return // an earlier call under this key met it
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.chosen {
		if next := &s.chosen[i]; next.Operation == c.operation && next.Times > 0 {
			next.Times--
			c.fault, _ = faultOf(next.Operation, next.Fault)
			c.fault.asked = true
			return
		}
	}
	if c.operation == opCharge {
		m, _ := methodOf(c.form.Get("payment_method"))
		c.fault = m.fault
		return
	}
	id := c.id
	if c.operation == opRefund {
		id = c.form.Get("payment_intent")
	}
	if found := s.intentOf(c.account, id); found != nil && found.Intent.PaymentMethod != nil {
		c.fault, _ = laterFault(c.operation, *found.Intent.PaymentMethod)
	}
}

// chooseFault takes {"operation":"refund","fault":"timeout_done","times":1} and shows what is left of all. Choices are kept in
// memory only. A browser sends another site's JSON only after asking, and is not answered then.
func (s *Simulator) chooseFault(w http.ResponseWriter, r *http.Request) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		write(w, problem(http.StatusUnsupportedMediaType, wireError{Message: "Send the fault as application/json."}))
		return
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	wanted := chosen{Times: 1}
	if err := decoder.Decode(&wanted); err != nil {
		write(w, invalid("", "", "The body must be one JSON object with operation, fault and times."))
		return
	}
	switch wanted.Operation {
	case opCharge, opCapture, opCancel, opRefund:
	default:
		write(w, invalid("", "operation", "Invalid operation: must be one of charge, capture, cancel, refund"))
		return
	}
	if _, ok := faultOf(wanted.Operation, wanted.Fault); !ok {
		write(w, invalid("", "fault", "No such fault of a "+wanted.Operation+": '"+wanted.Fault+"'"))
		return
	}
	if wanted.Times < 1 || wanted.Times > maxChosen {
		write(w, invalid(codeParameterInvalid, "times", "times must be from 1 to 1000000"))
		return
	}
	s.mu.Lock()
	s.chosen = append(s.left(), wanted)
	s.mu.Unlock()
	s.showFaults(w, r)
}

// forgetFaults takes back what was chosen.
func (s *Simulator) forgetFaults(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.chosen = nil
	s.mu.Unlock()
	s.showFaults(w, r)
}

func (s *Simulator) showFaults(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	all := s.left()
	s.mu.Unlock()
	write(w, success(map[string][]chosen{"data": all}))
}

// left are the choices that have calls left. The caller holds the lock.
func (s *Simulator) left() []chosen {
	all := []chosen{}
	for _, c := range s.chosen {
		if c.Times > 0 {
			all = append(all, c)
		}
	}
	return all
}
