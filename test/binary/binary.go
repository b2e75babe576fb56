// Package binary builds the service for tests that start, stop and kill the real thing.
package binary

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// place is one file a test binary, named after its process.
func place() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("payonce-under-test-%d", os.Getpid()))
}

// build is done once by each test binary; the go command's cache makes later ones quick.
var build = sync.OnceValues(func() (string, error) {
	path := place()
	command := exec.Command("go", "build", "-o", path, "github.com/payonce/payonce") //nolint:noctx // bounded by the test's deadline
	if out, err := command.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the service: %w\n%s", err, out)
	}
	return path, nil
})

// Main runs a package's tests and removes what Path built.
func Main(run func() int) int {
	code := run()
	_ = os.Remove(place())
	return code
}

// Path is the built service.
func Path(t testing.TB) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}
