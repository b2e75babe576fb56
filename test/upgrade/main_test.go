package upgrade

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/payonce/payonce/test/service"
)

func TestMain(m *testing.M) { os.Exit(service.Main(m)) }

// before is a build of the last commit that has the same migrations but for the newest, just before those came: what runs when they
// are applied. Where the tree has no history (a copy without git, a shallow clone) it is a build of this tree, and the test says so.
func before(t *testing.T) (program string) {
	t.Helper()
	commits, _ := git(t, "log", "--format=%H", "--", "migrations")
	newest := migrationsAt(t, "HEAD")
	for change := range strings.FieldsSeq(commits) {
		commit := change + "^"
		old := migrationsAt(t, commit)
		if n := len(old); n > 0 && n < len(newest) && slices.Equal(old, newest[:n]) {
			return build(t, commit)
		}
	}
	t.Log("NO HISTORY: this tree's build stands in for the release before")
	return service.Binary(t)
}

// migrationsAt are the files of a commit's migrations, in their order.
func migrationsAt(t *testing.T, commit string) (files []string) {
	t.Helper()
	list, _ := git(t, "ls-tree", "--name-only", commit, "migrations/")
	for file := range strings.FieldsSeq(list) {
		if strings.HasSuffix(file, ".sql") {
			files = append(files, file)
		}
	}
	return files
}

// git returns what a command prints; the error is of a tree without git.
func git(t *testing.T, args ...string) (string, error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "git", args...)
	command.Dir = "../.."
	out, err := command.Output()
	return strings.TrimSpace(string(out)), err
}

// build builds a commit's tree.
func build(t *testing.T, commit string) (program string) {
	t.Helper()
	dir := t.TempDir()
	archive := exec.CommandContext(t.Context(), "git", "archive", "--format=tar", commit)
	archive.Dir = "../.."
	tree, err := archive.Output()
	if err != nil {
		t.Fatalf("git archive %s: %v", commit, err)
	}
	unpack := exec.CommandContext(t.Context(), "tar", "-x", "-C", dir)
	unpack.Stdin = bytes.NewReader(tree)
	if out, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("unpack %s: %v: %s", commit, err, out)
	}
	program = filepath.Join(dir, "payonce-before")
	compile := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", program, ".")
	compile.Dir, compile.Env = dir, append(os.Environ(), "GOFLAGS=-buildvcs=false")
	if out, err := compile.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v: %s", commit, err, out)
	}
	t.Logf("the release before is %s", commit)
	return program
}
