package models

import (
	"errors"
	"testing"
	"time"
)

func TestADiscrepancyIsResolvedOnlyByWhatAnActionCanDo(t *testing.T) {
	t.Parallel()
	now := time.Now()
	reference := "pi_1"
	checked := &ProviderAttempt{Status: AttemptUnknown, NextCheckAt: &now}
	known := &ProviderAttempt{Status: AttemptUnknown, NextCheckAt: &now, ProviderReference: &reference}
	waiting := &ProviderAttempt{Status: AttemptActionRequired, NextCheckAt: &now}
	ended := &ProviderAttempt{Status: AttemptSucceeded}
	missing, differs := Discrepancy{Kind: DiscrepancyNotFound}, Discrepancy{Kind: "provider_differs"}
	resolved := Discrepancy{Kind: DiscrepancyNotFound, ResolvedAt: &now}
	for name, c := range map[string]struct {
		found   Discrepancy
		action  DiscrepancyAction
		attempt *ProviderAttempt
		want    error
	}{
		"noted":                                 {differs, ActionNoted, checked, nil},
		"noted, without an attempt":             {differs, ActionNoted, nil, nil},
		"noted, again":                          {resolved, ActionNoted, checked, ErrDiscrepancyResolved},
		"looked up":                             {differs, ActionAcceptProviderState, known, nil},
		"looked up, while the customer acts":    {missing, ActionAcceptProviderState, waiting, nil},
		"looked up, when it has ended":          {differs, ActionAcceptProviderState, ended, ErrActionNotPossible},
		"looked up, without an attempt":         {differs, ActionAcceptProviderState, nil, ErrActionNotPossible},
		"looked up, when it is resolved":        {resolved, ActionAcceptProviderState, checked, ErrDiscrepancyResolved},
		"failed":                                {missing, ActionMarkFailed, checked, nil},
		"failed, though the provider knows it":  {differs, ActionMarkFailed, checked, ErrActionNotPossible},
		"failed, though it knew it":             {missing, ActionMarkFailed, known, ErrActionNotPossible},
		"failed, while the customer acts":       {missing, ActionMarkFailed, waiting, ErrActionNotPossible},
		"failed, when it has ended":             {missing, ActionMarkFailed, ended, ErrActionNotPossible},
		"failed, without an attempt":            {missing, ActionMarkFailed, nil, ErrActionNotPossible},
		"failed, when the finding was resolved": {resolved, ActionMarkFailed, checked, ErrDiscrepancyResolved},
	} {
		d := c.found
		err := d.Decide(c.action, "ticket", "key", now, c.attempt)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
		decided := d.Decision != nil && *d.Decision == c.action && *d.DecisionReason == "ticket" && *d.DecidedBy == "key" && d.DecidedAt.Equal(now)
		if decided != (err == nil) {
			t.Errorf("%s: got the decision %+v with %v; want it only without an error", name, d, err)
		}
		if closed := d.ResolvedAt != nil; err == nil && closed != (c.action == ActionNoted) {
			t.Errorf("%s: resolved is %t; only what is noted is resolved at once", name, closed)
		}
	}
}
