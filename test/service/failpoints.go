package service

import (
	"encoding/json"
	"net/http"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/test/failpoint"
)

// Hold lets the next request that reaches a step wait there, until ReleaseStep or the death of the process. The service
// must be built with [Failpoints].
func (s *Service) Hold(step idempotency.Step) {
	s.t.Helper()
	s.HoldNext(step, 1)
}

// HoldNext is Hold for the next n requests.
func (s *Service) HoldNext(step idempotency.Step, n int) {
	s.t.Helper()
	s.arm(step, failpoint.Point{Do: "hold", Times: n})
}

// PanicAt lets the next request that reaches a step panic there.
func (s *Service) PanicAt(step idempotency.Step) {
	s.t.Helper()
	s.arm(step, failpoint.Point{Do: "panic", Times: 1})
}

func (s *Service) arm(step idempotency.Step, armed failpoint.Point) {
	s.t.Helper()
	body, err := json.Marshal(armed)
	if err != nil {
		s.t.Fatal(err)
	}
	s.failpoint(http.MethodPut, step, body)
}

// ReleaseStep lets go of what waits at a step.
func (s *Service) ReleaseStep(step idempotency.Step) {
	s.t.Helper()
	s.failpoint(http.MethodDelete, step, nil)
}

// HeldAt is how many requests wait at a step.
func (s *Service) HeldAt(step idempotency.Step) int {
	s.t.Helper()
	return s.failpoint(http.MethodGet, step, nil).Held
}

// Passed is how often the running process has reached a step.
func (s *Service) Passed(step idempotency.Step) int {
	s.t.Helper()
	return s.failpoint(http.MethodGet, step, nil).Passed
}

func (s *Service) failpoint(method string, step idempotency.Step, body []byte) (state failpoint.State) {
	s.t.Helper()
	answer := s.admin(method, "/failpoints/"+string(step), body)
	if err := json.Unmarshal(answer, &state); err != nil {
		s.t.Fatalf("%s the failpoint %s: %v: %s", method, step, err, answer)
	}
	return state
}
