package demo

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The demo is worth something only if it fails when a protection is taken out. This one can't be seen in a charge: with a
// provider key that is made up, only a database that loses its last commits charges twice.
func TestTheDemoFailsWhenTheProviderKeyIsMadeUp(t *testing.T) {
	t.Parallel()
	const derived = "ProviderKey: idempotency.ProviderKey(req.Tenant, req.Key, string(s.Operation), req.Fingerprint)"
	s := prepare(t, sabotaged(t, "operations/driver.go", derived, "ProviderKey: uuid.NewString()"), nil)
	if code := s.run(); code != 1 || !strings.HasPrefix(s.stderr.String(), "payonce: the promise is broken: scene 1, a double click: charge pi_") {
		t.Errorf("exit code %d, stderr %q", code, &s.stderr)
	}
	if text := s.text(); !strings.Contains(text, "✗ The promise is broken") || strings.Contains(text, "✓") || strings.Count(text, "BROKEN") != 7 {
		t.Errorf("it shows\n%s", text)
	}
	s.leavesNothing()
}

// sabotaged builds the service with one text replaced; no file of the module is changed.
func sabotaged(t *testing.T, file, was, becomes string) string {
	t.Helper()
	root, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		t.Fatal(err)
	}
	path, folder := filepath.Join(strings.TrimSpace(string(root)), file), t.TempDir()
	content, err := os.ReadFile(path)
	if err != nil || strings.Count(string(content), was) != 1 {
		t.Fatalf("%s does not hold %q once: %v", file, was, err)
	}
	changed, overlay, binary := filepath.Join(folder, "changed.go"), filepath.Join(folder, "overlay.json"), filepath.Join(folder, "payonce")
	list, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{changed: strings.Replace(string(content), was, becomes, 1), overlay: string(list)} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlay, "-o", binary, ".")
	build.Dir = strings.TrimSpace(string(root))
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return binary
}
