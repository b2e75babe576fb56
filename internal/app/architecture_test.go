package app

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/payonce/payonce/idempotency"
)

func TestArchitecturePageNamesTheLimitsOfTheCode(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		fmt.Sprintf("completed records in memory, %d MiB at most", idempotency.DefaultMemoryBytes>>20),
		fmt.Sprintf("whose lease is over, %d at a time", recoveryBatch),
		fmt.Sprintf("deletes old tombstones, %d rows at a time", cleanupBatch),
	} {
		if !strings.Contains(string(page), want) {
			t.Errorf("docs/architecture.md does not say %q, which is what the code does", want)
		}
	}
}
