package failpoint_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/test/failpoint"
)

// heard is the observer behind the failpoints.
type heard struct {
	idempotency.NoSpans
	steps []idempotency.Step
}

func (h *heard) Step(_ context.Context, step idempotency.Step) { h.steps = append(h.steps, step) }
func (*heard) Finished(context.Context, idempotency.End)       {}

func TestAHeldRequestWaitsAndTheNextPasses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		next := &heard{}
		set := failpoint.New(next)
		set.Arm(idempotency.StepClaimed, failpoint.Point{Do: "hold", Times: 1})
		went := false
		go func() {
			set.Step(t.Context(), idempotency.StepClaimed)
			went = true
		}()
		synctest.Wait()
		set.Step(t.Context(), idempotency.StepClaimed) // armed for one only
		if state := set.State(idempotency.StepClaimed); went || state != (failpoint.State{Passed: 2, Held: 1}) {
			t.Errorf("went on: %t, %+v", went, state)
		}
		set.Release(idempotency.StepClaimed)
		synctest.Wait()
		if state := set.State(idempotency.StepClaimed); !went || state.Held != 0 {
			t.Errorf("after the release it went on: %t, %+v", went, state)
		}
		if len(next.steps) != 2 {
			t.Errorf("the next observer heard %v", next.steps)
		}
	})
}

func TestFailpointsAreArmedOverHTTP(t *testing.T) {
	t.Parallel()
	set := failpoint.New(&heard{})
	ask := func(method, path, body string, status int) (state failpoint.State) {
		t.Helper()
		recorder := httptest.NewRecorder()
		set.ServeHTTP(recorder, httptest.NewRequest(method, "/failpoints/"+path, strings.NewReader(body)))
		if recorder.Code != status {
			t.Errorf("%s %s %s: %d %s", method, path, body, recorder.Code, recorder.Body)
		}
		_ = json.Unmarshal(recorder.Body.Bytes(), &state)
		return state
	}
	ask(http.MethodPut, "nowhere", `{"do":"hold","times":1}`, http.StatusNotFound)
	ask(http.MethodPut, "begun", `{"do":"nothing","times":1}`, http.StatusBadRequest)
	ask(http.MethodPut, "begun", `{"do":"panic","times":0}`, http.StatusBadRequest)
	ask(http.MethodPut, "begun", `{"do":"panic","times":1}`, http.StatusOK)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("it did not panic")
			}
		}()
		set.Step(t.Context(), idempotency.StepBegun)
	}()
	set.Step(t.Context(), idempotency.StepBegun)
	if state := ask(http.MethodGet, "begun", "", http.StatusOK); state.Passed != 2 || state.Held != 0 {
		t.Errorf("%+v", state)
	}
}
