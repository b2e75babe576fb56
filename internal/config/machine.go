package config

import (
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// The defaults that depend on the machine and on how the process was started. All others stand at their fields.

// dataDir is the user's data folder; empty when none is known. Root's home is closed to the user that Postgres runs as.
func dataDir(getenv func(string) string) string {
	home := getenv("HOME")
	switch {
	case runtime.GOOS == "windows":
		return under(getenv("LOCALAPPDATA"), "payonce")
	case os.Geteuid() == 0:
		return "/var/lib/payonce"
	case runtime.GOOS == "darwin":
		return under(home, "Library", "Application Support", "payonce")
	case filepath.IsAbs(getenv("XDG_DATA_HOME")):
		return filepath.Join(getenv("XDG_DATA_HOME"), "payonce")
	}
	return under(home, ".local", "share", "payonce")
}

func simulatorDir(dataDir string) string { return under(dataDir, "simulator") }

func under(root string, path ...string) string {
	if root == "" {
		return ""
	}
	return filepath.Join(append([]string{root}, path...)...)
}

func logFormat(stderr io.Writer) string {
	if isTerminal(stderr) {
		return "text"
	}
	return "json"
}

// shutdownDelay is what a balancer needs to notice that a replica is not ready. A person who presses Ctrl-C doesn't want to wait.
func shutdownDelay(stdout io.Writer) string {
	if isTerminal(stdout) {
		return "0s"
	}
	return "5s"
}

// isTerminal takes the null device, which is a character device as well, for none.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}
