package demopage

import (
	"testing"

	"github.com/payonce/payonce/idempotency"
)

func TestAPageIsToldWhatTheFastPathSaid(t *testing.T) {
	t.Parallel()
	in := idempotency.Admission{Allowed: true}
	for want, result := range map[string]idempotency.LookupResult{
		"limited":   {},
		"outcome":   {Admission: in, Record: &idempotency.Record{}},
		"marker":    {Admission: in, InFlight: true},
		"miss":      {Admission: in, Unseen: true, Marker: [16]byte{1}},
		"not asked": {Admission: in, Unseen: true, Assumed: true},
		"no answer": {Admission: in},
	} {
		if got := found(result); got.Detail != want {
			t.Errorf("%+v: got %q, want %q", result, got.Detail, want)
		}
	}
}
