package operations_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/payonce/payonce/models"
)

// tally keeps what an observer is told.
type tally struct {
	mu  sync.Mutex
	all []string
}

func (o *tally) Payment(status models.PaymentStatus, currency string) {
	o.note(string(status) + " " + currency)
}

func (o *tally) Declined(operation models.Operation, code string) {
	o.note("declined " + string(operation) + " " + code)
}

func (o *tally) note(what string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, what)
}

func (o *tally) sorted() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Sorted(slices.Values(o.all))
}

func TestEachPaymentIsCountedOnceForEachStatus(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		says, then answer
		status     int
		want       []string
	}{
		"paid":               {intent("succeeded"), intent("succeeded"), 201, []string{"succeeded EUR"}},
		"declined":           {declined, declined, 402, []string{"declined authorize insufficient_funds", "failed EUR"}},
		"unclear, then paid": {timedOut, intent("succeeded"), 202, []string{"processing EUR", "succeeded EUR"}},
		"still unclear":      {timedOut, timedOut, 202, []string{"processing EUR"}},
		"challenged, then declined": {
			intent("requires_action"), intent("card_error"), 201,
			[]string{"declined authorize generic_decline", "failed EUR", "requires_action EUR"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := openShop(t)
			s.provider.says(test.says)
			s.payAndExpect(test.status)
			if _, err := s.pay("k", models.CaptureAutomatic); err != nil { // a copy counts nothing, whatever it is answered
				t.Error(err)
			}
			s.provider.says(test.then)
			s.exec(`UPDATE provider_attempts SET next_check_at = now() - interval '1 second' WHERE next_check_at IS NOT NULL`)
			if _, err := s.ops.CheckDue(t.Context(), 10); err != nil {
				t.Error(err)
			}
			if got := s.observed.sorted(); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestAPaymentWhoseCompletionIsRefusedIsCountedAsWhatIsStored(t *testing.T) {
	s := openShop(t)
	s.provider.says(intent("succeeded"))
	s.exec(`ALTER TABLE captures ADD CONSTRAINT none CHECK (false) NOT VALID`)
	s.payAndExpect(202)
	if got, want := s.observed.sorted(), []string{"processing EUR"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
