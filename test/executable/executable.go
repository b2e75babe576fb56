// Package executable writes programs that a test starts.
package executable

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// Write makes a file that any user may run. No other test of this process forks meanwhile: its child would have the file open for writing,
// and to run such a file fails ("text file busy", golang.org/issue/22315).
func Write(t testing.TB, path string, content []byte) {
	t.Helper()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := os.WriteFile(path, content, 0o755); err != nil { //nolint:gosec // programs are for other users, too
		t.Fatal(err)
	}
}

// Copy is [Write] of what another file holds, under another path.
func Copy(t testing.TB, from, to string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Clean(from))
	if err != nil {
		t.Fatal(err)
	}
	Write(t, to, content)
}
