package service

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/payonce/payonce/test/stores"
)

// buildLimit bounds a build on a machine that runs many tests at once; one with the race detector starts from nothing.
const buildLimit = 8 * time.Minute

// built are the binaries that the tests of this test binary run. A global, because tests share nothing else that could
// carry it.
var built binaries

type binaries struct {
	mu     sync.Mutex
	folder string
	byArgs map[string]*binary // by the arguments it was built with
}

type binary struct {
	once sync.Once
	path string
	err  error
}

// Failpoints are the build's arguments for a service whose steps a test can hold ([Service.Hold]).
func Failpoints() []string { return []string{"-tags=failpoints"} }

// Main runs the tests with stores of their own ([stores.Main]), then removes the binaries. It returns the exit code.
func Main(m *testing.M) int {
	defer func() {
		if built.folder != "" {
			_ = os.RemoveAll(built.folder)
		}
	}()
	return stores.Main(m)
}

// Binary is the built service, for tests that start it in their own way. args go to go build.
func Binary(t testing.TB, args ...string) string {
	t.Helper()
	b, path, err := built.of(args)
	if err == nil {
		b.once.Do(func() { b.path, b.err = path, build(path, args) })
		err = b.err
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.path
}

// of is the binary of these arguments, which may not be built yet, and where to put it.
func (b *binaries) of(args []string) (_ *binary, path string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.folder == "" {
		b.byArgs = map[string]*binary{}
		if b.folder, err = os.MkdirTemp("", "payonce-binary-"); err != nil {
			return nil, "", err
		}
	}
	key := strings.Join(args, " ")
	if b.byArgs[key] == nil {
		b.byArgs[key] = &binary{}
	}
	return b.byArgs[key], filepath.Join(b.folder, fmt.Sprintf("payonce-%d", len(b.byArgs))), nil
}

// build builds the module's root.
func build(path string, more []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), buildLimit)
	defer cancel()
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("find the module: %w", err)
	}
	args := []string{"build", "-ldflags=-s -w", "-o", path} // what debuggers read takes a third of the linker's time
	if raceEnabled {
		args = append(args, "-race")
	}
	args = append(args, more...) // a later flag wins
	command := exec.CommandContext(ctx, "go", append(args, ".")...)
	command.Dir = strings.TrimSpace(string(root))
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build the service: %w\n%s", err, output)
	}
	return nil
}
