package reconcile_test

import (
	"os"
	"strings"
	"testing"

	"github.com/payonce/payonce/internal/reconcile"
)

func TestEachKindOfFindingIsInTheRunbook(t *testing.T) {
	t.Parallel()
	runbook, err := os.ReadFile("../../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range reconcile.Kinds() {
		if !strings.Contains(string(runbook), "\n| `"+kind+"` |") {
			t.Errorf("docs/runbook.md has no row for %s", kind)
		}
	}
}
