package crash

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/payonce/payonce/test/stores"
)

func TestMain(m *testing.M) {
	code := stores.Main(m)
	if dir := filepath.Dir(built.path); built.path != "" {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// built is the binary that all tests of this package start.
var built struct {
	once sync.Once
	path string
	err  error
}

// binary builds the service once.
func binary(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		dir, err := os.MkdirTemp("", "payonce-crash-")
		if err != nil {
			built.err = err
			return
		}
		path := filepath.Join(dir, "payonce")
		build := exec.Command("go", "build", "-o", path, "github.com/payonce/payonce") //nolint:noctx // bounded by the test's own deadline
		if out, err := build.CombinedOutput(); err != nil {
			built.err = &exec.Error{Name: string(out), Err: err}
			return
		}
		built.path = path
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}
