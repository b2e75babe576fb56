package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/payonce/payonce/test/needs"
)

// unit is the systemd unit as it is, but for the binary, which lies elsewhere here.
func unit(t *testing.T) (path, text string) {
	t.Helper()
	raw, err := os.ReadFile(root + "deploy/systemd/payonce.service")
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "payonce.service")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(raw), "/usr/local/bin/payonce", "/bin/true")), 0o644); err != nil { //nolint:gosec // systemd reads it
		t.Fatal(err)
	}
	return path, string(raw)
}

func analyze(t *testing.T, args ...string) string {
	t.Helper()
	program := needs.Program(t, "install the package systemd", "systemd-analyze")
	out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("systemd-analyze %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func TestTheSystemdUnitIsValid(t *testing.T) {
	t.Parallel()
	path, _ := unit(t)
	if out := analyze(t, "verify", "--man=no", path); strings.Contains(out, filepath.Base(path)) {
		t.Errorf("systemd-analyze verify:\n%s", out)
	}
}

// systemd's own score of what a unit may do goes from 10 (everything) to 0; below 2 is "OK", its second best word.
func TestTheSystemdUnitMayDoLittle(t *testing.T) {
	t.Parallel()
	path, _ := unit(t)
	out := analyze(t, "security", "--offline=true", "--no-pager", path)
	score := regexp.MustCompile(`exposure level for \S+: ([0-9.]+)`).FindStringSubmatch(out)
	if score == nil {
		t.Fatalf("no score in\n%s", out)
	}
	if value, err := strconv.ParseFloat(score[1], 64); err != nil || value > 2 {
		t.Errorf("exposure %s, want at most 2\n%s", score[1], out)
	}
}

func TestTheSystemdUnitSetsOnlySettings(t *testing.T) {
	t.Parallel()
	known := knownSettings()
	_, text := unit(t)
	example, err := os.ReadFile(root + "deploy/systemd/payonce.env.example")
	if err != nil {
		t.Fatal(err)
	}
	inUnit := regexp.MustCompile(`(?m)^Environment=(.*)$`).FindStringSubmatch(text)
	if inUnit == nil {
		t.Fatal("the unit sets nothing")
	}
	names := strings.Fields(inUnit[1])
	names = append(names, regexp.MustCompile(`(?m)^[A-Z_]+=`).FindAllString(string(example), -1)...)
	for _, name := range names {
		if name, _, _ = strings.Cut(name, "="); !known[name] {
			t.Errorf("%s is no setting", name)
		}
	}
	if len(names) < 9 {
		t.Errorf("only %v", names)
	}
}
