package wire

import (
	"os"
	"strings"
	"testing"
)

func TestEveryTypeOfEventIsDescribed(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range EventTypes() {
		if !strings.Contains(string(text), "`"+kind.Name+"`") {
			t.Errorf("docs/events.md says nothing of %s", kind.Name)
		}
		if types[kind.Resource].form == nil {
			t.Errorf("%s is about %q, which is no type of resource", kind.Name, kind.Resource)
		}
	}
}
