// Package needs ends tests that this machine can't run. They are skipped with the reason; with CI=true they fail, because there nothing
// may be left out without being seen.
package needs

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Missing ends a test for a reason that says what is missing, and how to get it.
func Missing(t testing.TB, reason string) {
	t.Helper()
	if CI() {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// CI reports whether nothing may be left out.
func CI() bool { return os.Getenv("CI") == "true" }

// Program is the path of the first of these programs that is on the PATH. Without one the test is [Missing] it; hint says how to get it.
func Program(t testing.TB, hint string, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	Missing(t, names[0]+" is not on the PATH: "+hint)
	return ""
}

// NodePackages needs Node, and the packages of the lock file in a folder, which npm ci installs there.
func NodePackages(t testing.TB, folder string) {
	t.Helper()
	Program(t, "install Node (Debian's package nodejs)", "node")
	if _, err := os.Stat(filepath.Join(folder, "node_modules", ".package-lock.json")); err != nil {
		Missing(t, "Node's packages are not installed: run npm ci in test/"+folderName(folder))
	}
}

// NPM lets npm install packages, and tries once more when that fails: a registry may not answer for a moment.
func NPM(t testing.TB, args ...string) (output []byte, err error) {
	t.Helper()
	args = append(args, "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline")
	for range 2 {
		if output, err = exec.CommandContext(t.Context(), "npm", args...).CombinedOutput(); err == nil {
			break
		}
	}
	return output, err
}

// folderName is the last part of a folder's name, also where it is written as a relative path.
func folderName(folder string) string {
	if path, err := filepath.Abs(folder); err == nil {
		return filepath.Base(path)
	}
	return folder
}
