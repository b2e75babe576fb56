package openapi

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// breaking compares a description with the one that was released last.
func breaking(t *testing.T, document string) *exec.Cmd {
	t.Helper()
	accepted := absolute(t, "released/accepted.txt")
	cmd := exec.CommandContext(t.Context(), "go", "tool", "oasdiff", "breaking", absolute(t, "released/openapi.json"), document,
		"--fail-on", "WARN", "--err-ignore", accepted, "--warn-ignore", accepted)
	cmd.Dir = "golang"
	return cmd
}

func TestNothingThatWasReleasedIsBroken(t *testing.T) {
	t.Parallel()
	if out, err := breaking(t, absolute(t, document)).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestBreakingChangesAreNoticed(t *testing.T) {
	t.Parallel()
	type object = map[string]any
	schema := func(described object, name string) object {
		components, _ := described["components"].(object)
		schemas, _ := components["schemas"].(object)
		found, _ := schemas[name].(object)
		return found
	}
	for name, test := range map[string]struct {
		change func(described object)
		breaks bool
	}{
		"a member is added to an answer": {func(d object) {
			schema(d, "Payment")["properties"].(object)["added"] = object{"type": "string"}
		}, false},
		"an optional member is added to a request": {func(d object) {
			schema(d, "CreateOrder")["properties"].(object)["added"] = object{"type": "string"}
		}, false},
		"a member of an answer is gone": {func(d object) { delete(schema(d, "Payment")["properties"].(object), "amount_captured") }, true},
		"a member of a request is required": {func(d object) {
			schema(d, "CreateOrder")["required"] = []any{"currency", "reference"}
		}, true},
		"a text of a request may be shorter only": {func(d object) {
			schema(d, "CreateOrder")["properties"].(object)["reference"].(object)["maxLength"] = 64
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile("released/openapi.json")
			if err != nil {
				t.Fatal(err)
			}
			var described object
			if err := json.Unmarshal(text, &described); err != nil {
				t.Fatal(err)
			}
			test.change(described)
			changed := filepath.Join(t.TempDir(), "openapi.json")
			if text, err = json.Marshal(described); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(changed, text, 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := breaking(t, changed).CombinedOutput(); (err != nil) != test.breaks {
				t.Errorf("noticed: %t, want %t\n%s", err != nil, test.breaks, out)
			}
		})
	}
}
