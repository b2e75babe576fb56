package monitoring

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/payonce/payonce/test/needs"
	"github.com/payonce/payonce/test/service"
)

func TestMain(m *testing.M) { os.Exit(service.Main(m)) }

const (
	root   = "../.."
	deploy = root + "/deploy/prometheus"
	rules  = deploy + "/rules/payonce.yml"
)

// program is the path of a program of Prometheus.
func program(t *testing.T, name string) string {
	t.Helper()
	return needs.Program(t, "install Prometheus (on Debian the package prometheus)", name)
}

// promtool runs a command of it, and fails the test when that fails or warns.
func promtool(t *testing.T, input string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program(t, "promtool"), args...)
	cmd.Stdin = bytes.NewBufferString(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %q: %v\n%s", args, err, out)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// decode reads a YAML file. Members that the value has no place for are errors.
func decode(t *testing.T, path string, value any) {
	t.Helper()
	if err := yaml.UnmarshalWithOptions([]byte(read(t, path)), value, yaml.Strict()); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}
