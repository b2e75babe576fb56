package simulator

import "time"

// stage is a status that an intent or a refund comes to by itself, "" for the charge, and when.
type stage struct {
	At     int64  `json:"at"`
	Status string `json:"status"`
}

// begin sets an intent on its course, whose times count from now.
func (r *record) begin(course []stage) {
	now := time.Now().UnixMilli()
	r.Course = from(now, course)
	r.advance(now)
}

// from is a course whose times count from now.
func from(now int64, course []stage) []stage {
	moved := make([]stage, len(course))
	for i, s := range course {
		moved[i] = stage{now + s.At, s.Status}
	}
	return moved
}

// advance makes happen what is due. The charge is the last.
func (r *record) advance(now int64) {
	for len(r.Course) > 0 && r.Course[0].At <= now {
		next := r.Course[0]
		r.Course = r.Course[1:]
		if next.Status == "" {
			r.charge()
			continue
		}
		r.Intent.Status = next.Status
	}
}

// left is how long the course still takes, and a little more.
func (r *record) left() time.Duration {
	if len(r.Course) == 0 {
		return 0
	}
	return time.Until(time.UnixMilli(r.Course[len(r.Course)-1].At)) + time.Millisecond
}

// advance moves every intent and refund that has a course. It is called before anything is read or changed, so each is always
// what it should be by now, after a restart as well. The caller holds the lock.
func (s *Simulator) advance() {
	now := time.Now().UnixMilli()
	for id := range s.moving {
		if known := s.intents[id]; known.Course[0].At <= now {
			r := known.changed()
			r.advance(now)
			s.save(entry{Intent: r})
		}
	}
	for id := range s.returning {
		if known := s.refunds[id]; known.Course[0].At <= now {
			made, r := *known, s.intents[known.Refund.PaymentIntent].changed()
			made.advance(now, r)
			s.save(entry{Intent: r, Refund: &made})
		}
	}
}

// answerStarted answers with an intent that was made before, when its course is over.
func (s *Simulator) answerStarted(c *call) effect {
	r := s.intents[c.started]
	switch {
	case len(r.Course) > 0:
		return effect{then: s.answerStarted, delay: max(r.left(), time.Millisecond)}
	case r.Intent.Status == statusCanceled:
		return unexpectedState(&r.Intent, "confirmed")
	}
	return effect{stored: true, answer: success(r.Intent)}
}
