package main

import (
	"strings"
	"testing"
)

func TestTheTablesTellWhatWasVisitedAndCaught(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if !run(&out, options{only: "effect", traces: true}) {
		t.Errorf("not as it has to be:\n%s", out.String())
	}
	for _, want := range []string{
		"local effect, two merchants, one key        3", // states and steps follow
		"effect outside the transaction", "an effect stands without its record, or twice",
		" 2. request 1 [K1] at replica A commits its effect before its record\n",
		"not at the level of the model\n  the body re-encoded on replay: ",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "no fence in the completion") {
		t.Error("a name that was not asked for was run")
	}
}
