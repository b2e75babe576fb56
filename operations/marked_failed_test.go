package operations_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/wire"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
)

// decides notes a decision about the payment's finding, as POST /v1/discrepancies/{id}/resolve does.
func (s *shop) decides(action models.DiscrepancyAction) {
	s.Helper()
	rows := repository.NewDiscrepancies(s.db)
	found, err := rows.List(s.Context(), s.merchant, repository.DiscrepancyFilter{}, repository.Page{Limit: 1})
	if err != nil || len(found) != 1 {
		s.Fatalf("got %d findings, %v; want one", len(found), err)
	}
	d, now := &found[0], time.Now().UTC().Truncate(time.Microsecond)
	if err := d.Decide(action, "ticket 42", "key", now, &models.ProviderAttempt{Status: models.AttemptUnknown, NextCheckAt: &now}); err != nil {
		s.Fatal(err)
	}
	document, err := wire.Encode(wire.NewDiscrepancy(d))
	if err != nil {
		s.Fatal(err)
	}
	err = s.db.Apply(s.Context(), now, func(tx *postgres.Tx) error {
		rows.Decide(tx, d, &models.Event{
			MerchantID: d.MerchantID, ID: models.NewID(), Type: "discrepancy.decided", ResourceType: wire.TypeDiscrepancy, ResourceID: d.ID, Data: document,
		})
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
}

// missing is a payment that the provider doesn't know, and that is too old to be sent again.
func missing(t *testing.T) *shop {
	t.Helper()
	s := unresolved(t)
	s.finds(notFound)
	s.exec(grownOld)
	s.checkDue(1)
	if got := s.rows(); got.Payment != "processing needs_review 0 0" || got.Discrepancies != "not_found_at_provider " {
		t.Fatalf("got %+v, want a payment that needs review, because it is not found", got)
	}
	return s
}

func TestAPaymentThatIsMarkedFailedEndsWhenTheProviderStillDoesNotKnowIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		decision      models.DiscrepancyAction
		before        string // SQL that is run before the check
		finds         answer
		payment, open string // how many findings are open
		noted         bool   // the person closes the finding before the check
	}{
		"not known":                   {models.ActionMarkFailed, "", notFound, "failed resolved_by_operator 0 0", "0", false},
		"charged after all":           {models.ActionMarkFailed, "", intent("succeeded"), "succeeded 1999 1999", "0", false},
		"declined":                    {models.ActionMarkFailed, "", intent("card_error"), "failed generic_decline 0 0", "0", false},
		"no answer":                   {models.ActionMarkFailed, "", timedOut, "processing needs_review 0 0", "2", false},
		"on its way":                  {models.ActionMarkFailed, "", intent("processing"), "processing needs_review 0 0", "2", false},
		"a reference was given once":  {models.ActionMarkFailed, `UPDATE provider_attempts SET provider_reference = 'pi_7'`, notFound, "processing needs_review 0 0", "1", false},
		"sent to another account":     {models.ActionMarkFailed, `UPDATE provider_attempts SET provider = 'another'`, notFound, "processing needs_review 0 0", "1", false},
		"another decision":            {models.ActionAcceptProviderState, "", notFound, "processing needs_review 0 0", "1", false},
		"closed by a person":          {models.ActionMarkFailed, "", notFound, "processing needs_review 0 0", "0", true},
		"the provider's state, taken": {models.ActionAcceptProviderState, "", intent("succeeded"), "succeeded 1999 1999", "0", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := missing(t)
			s.decides(c.decision)
			if c.before != "" {
				s.exec(c.before)
			}
			if c.noted {
				s.decides(models.ActionNoted)
			}
			s.finds(c.finds)
			s.checkDue(1)
			got, open := s.rows(), s.query(`SELECT count(*)::text FROM discrepancies WHERE resolved_at IS NULL`)
			if got.Payment != c.payment || open != c.open {
				t.Errorf("got %q with %s open findings, want %q with %s", got.Payment, open, c.payment, c.open)
			}
			ended := c.payment != "processing needs_review 0 0"
			if _, err := s.pay("another", models.CaptureAutomatic); (err == nil) != (ended && c.payment[0] == 'f') {
				t.Errorf("another payment of the order: got %v; want it to be possible only after a failure", err)
			}
			if again, err := s.pay("k", models.CaptureAutomatic); err != nil || again.Response.Status != 202 {
				t.Errorf("the key's answer: got %+v, %v; want the 202 of before", again, err)
			}
			s.discrepancyEventsAgree()
		})
	}
}

// Each version of a finding has its event, whose document is the finding as it is read.
func TestAFindingThatOpensAgainHasAnEventForEachChange(t *testing.T) {
	s := missing(t)
	s.discrepancyEventsAgree()
	s.checkDue(1) // the same finding is no change
	s.discrepancyEventsAgree()
	s.finds(intent("requires_action"))
	s.checkDue(1)
	s.discrepancyEventsAgree()
	s.finds(notFound) // opens it again
	s.checkDue(1)
	s.discrepancyEventsAgree()
	const want = "1 discrepancy.opened, 2 discrepancy.resolved, 3 discrepancy.opened"
	got := s.query(`SELECT string_agg(resource_version || ' ' || type, ', ' ORDER BY resource_version) FROM events WHERE resource_type = 'discrepancy'`)
	if got != want {
		t.Errorf("got the events %s, want %s", got, want)
	}
}

// discrepancyEventsAgree compares the last event of each finding with the finding.
func (s *shop) discrepancyEventsAgree() {
	s.Helper()
	found, err := repository.NewDiscrepancies(s.db).List(s.Context(), s.merchant, repository.DiscrepancyFilter{}, repository.Page{Limit: 10})
	if err != nil || len(found) == 0 {
		s.Fatalf("got %d findings, %v", len(found), err)
	}
	events, err := repository.NewEvents(s.db).List(s.Context(), s.merchant, repository.EventFilter{}, repository.Page{Limit: 50})
	if err != nil {
		s.Fatal(err)
	}
	for _, d := range found {
		want, err := wire.Encode(wire.NewDiscrepancy(&d))
		if err != nil {
			s.Fatal(err)
		}
		last := json.RawMessage("none")
		for _, e := range events { // newest first
			if e.ResourceID == d.ID && e.ResourceVersion == d.Version {
				last = wire.NewEvent(&e).Data
			}
		}
		if string(last) != string(want) {
			s.Errorf("the event of version %d of %s: got\n%s, want\n%s", d.Version, d.Kind, last, want)
		}
	}
}
