package service

import (
	"context"
	"errors"
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
const buildLimit = 5 * time.Minute

// built is the binary that all tests of this test binary run. A global, because tests share nothing else that could
// carry it.
var built binary

type binary struct {
	once   sync.Once
	folder string
	err    error
}

// Main runs the tests with stores of their own ([stores.Main]), then removes the binary. It returns the exit code.
func Main(m *testing.M) int {
	defer func() {
		if built.folder != "" {
			_ = os.RemoveAll(built.folder)
		}
	}()
	return stores.Main(m)
}

// Binary is the built service, for tests that start it in their own way.
func Binary(t testing.TB) string {
	t.Helper()
	return built.path(t)
}

// path builds the module's root once and returns where the binary is.
func (b *binary) path(t testing.TB) string {
	t.Helper()
	b.once.Do(func() { b.err = b.build() })
	if b.err != nil {
		t.Fatal(b.err)
	}
	return filepath.Join(b.folder, "payonce")
}

func (b *binary) build() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), buildLimit)
	defer cancel()
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("find the module: %w", err)
	}
	if b.folder, err = os.MkdirTemp("", "payonce-binary-"); err != nil {
		return err
	}
	args := []string{"build", "-o", filepath.Join(b.folder, "payonce")}
	if raceEnabled {
		args = append(args, "-race")
	}
	command := exec.CommandContext(ctx, "go", append(args, ".")...)
	command.Dir = strings.TrimSpace(string(root))
	if output, err := command.CombinedOutput(); err != nil {
		return errors.Join(fmt.Errorf("build the service: %w\n%s", err, output), os.RemoveAll(b.folder))
	}
	return nil
}
