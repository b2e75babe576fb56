// Package failpoint stops requests at a step of the protocol, so that a test can do harm exactly there. It is one more
// listener to the steps that the engine announces anyway; the production code knows nothing of it. Only a binary built
// with the tag failpoints holds it, and offers it on its admin listener:
//
//	PUT    /failpoints/claimed   {"do":"hold","times":1}   the next request that gets there waits
//	PUT    /failpoints/calling   {"do":"panic","times":1}  the next one panics
//	GET    /failpoints/claimed                             {"passed":7,"held":1}
//	DELETE /failpoints/claimed                             what waits goes on; nothing is armed any more
package failpoint

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/payonce/payonce/idempotency"
)

// Point is what is armed at a step.
type Point struct {
	Do    string `json:"do"`    // "hold" or "panic"
	Times int    `json:"times"` // how many requests it is for
}

// State is what happened at a step.
type State struct {
	Passed int `json:"passed"` // how often it was reached
	Held   int `json:"held"`   // how many wait there now
}

// Set is a failpoint at each step. It announces every step to the next observer first.
type Set struct {
	idempotency.Observer

	mu     sync.Mutex
	points map[idempotency.Step]*point
}

type point struct {
	armed Point
	state State
	gate  chan struct{} // closed to let go of what waits
}

// New returns a set with nothing armed. More are steps beside those of requests.
func New(next idempotency.Observer, more ...idempotency.Step) *Set {
	s := &Set{Observer: next, points: map[idempotency.Step]*point{}}
	for _, step := range append(idempotency.Steps(), more...) {
		s.points[step] = &point{gate: make(chan struct{})}
	}
	return s
}

// Step implements [idempotency.Observer]: it does what is armed.
func (s *Set) Step(ctx context.Context, step idempotency.Step) {
	s.Observer.Step(ctx, step)
	s.Reach(step)
}

// Reach does what is armed at a step that the next observer has no name for.
func (s *Set) Reach(step idempotency.Step) {
	if gate := s.reached(step); gate != nil {
		<-gate
		s.mu.Lock()
		s.points[step].state.Held--
		s.mu.Unlock()
	}
}

// reached counts, panics if that is armed, and returns the gate to wait at, if any.
func (s *Set) reached(step idempotency.Step) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.points[step]
	p.state.Passed++
	if p.armed.Times == 0 {
		return nil
	}
	p.armed.Times--
	if p.armed.Do == "panic" {
		panic("failpoint " + string(step))
	}
	p.state.Held++
	return p.gate
}

// Arm sets what happens to the next requests at a step.
func (s *Set) Arm(step idempotency.Step, armed Point) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.points[step].armed = armed
}

// Release lets go of what waits at a step and disarms it.
func (s *Set) Release(step idempotency.Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.points[step]
	close(p.gate)
	p.gate, p.armed = make(chan struct{}), Point{}
}

// State tells what happened at a step.
func (s *Set) State(step idempotency.Step) State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.points[step].state
}

// ServeHTTP arms, shows and releases.
func (s *Set) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	step := idempotency.Step(strings.TrimPrefix(r.URL.Path, "/failpoints/"))
	if _, known := s.points[step]; !known { // the map itself never changes
		http.Error(w, fmt.Sprintf("no step %q; there are %v", step, slices.Sorted(maps.Keys(s.points))), http.StatusNotFound)
		return
	}
	switch r.Method {
	case http.MethodPut:
		var armed Point
		if err := json.NewDecoder(r.Body).Decode(&armed); err != nil || armed.Times < 1 || (armed.Do != "hold" && armed.Do != "panic") {
			http.Error(w, `want {"do":"hold" or "panic","times":1 or more}`, http.StatusBadRequest)
			return
		}
		s.Arm(step, armed)
	case http.MethodDelete:
		s.Release(step)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s.State(step)) // a test that is gone needs no answer
}
