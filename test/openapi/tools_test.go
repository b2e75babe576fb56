package openapi

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/payonce/payonce/test/needs"
	"github.com/payonce/payonce/test/service"
)

func TestMain(m *testing.M) { os.Exit(service.Main(m)) }

// document is the path of the description.
const document = "../../docs/openapi.json"

// node needs the tools of package-lock.json: in CI they have to be there.
func node(t *testing.T) {
	t.Helper()
	needs.NodePackages(t, ".")
}

// tool runs a program of package-lock.json.
func tool(t *testing.T, name string, args ...string) {
	t.Helper()
	run(t, ".", nil, absolute(t, "node_modules/.bin/"+name), args...)
}

// run runs a program and returns what it printed on stdout; the test fails when it does.
func run(t *testing.T, folder string, env []string, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	var out, log strings.Builder
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, &out, &log
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0", "NO_COLOR=1", "REDOCLY_TELEMETRY=off", "REDOCLY_SUPPRESS_UPDATE_NOTICE=true"), env...)
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s\n%s", filepath.Base(program), strings.Join(args, " "), err, tail(out.String()), tail(log.String()))
	}
	return out.String()
}

// tail is the end of a long text, which says what went wrong.
func tail(text string) string { return text[max(0, len(text)-4000):] }

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// workshop is a copy of a folder, in which generators may write.
func workshop(t *testing.T, folder string) string {
	t.Helper()
	copied := filepath.Join(t.TempDir(), folder)
	if err := os.CopyFS(copied, withoutGenerated{os.DirFS(folder)}); err != nil {
		t.Fatal(err)
	}
	return copied
}

// withoutGenerated hides what a developer generated in the folder by hand.
type withoutGenerated struct{ fs.FS }

func (f withoutGenerated) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(f.FS, name)
	kept := entries[:0]
	for _, entry := range entries {
		if entry.Name() != "api" {
			kept = append(kept, entry)
		}
	}
	return kept, err
}
