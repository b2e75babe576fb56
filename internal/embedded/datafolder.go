package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unicode"
)

// MakeDataFolder makes the data folder unless it is there, and returns its
// absolute path. Its errors say what is wrong with DATA_DIR. A program that has
// several uses for the folder calls this first, so that one sentence says what
// would otherwise be wrong with each of them.
func MakeDataFolder(dir string) (string, error) {
	as, err := serverAccount(nil)
	if err != nil {
		as = account{} // who runs the servers is no question of the folder
	}
	abs, err := absoluteFolder(dir)
	if err != nil {
		return "", err
	}
	if info, err := os.Stat(abs); err == nil && !info.IsDir() {
		return "", fmt.Errorf("DATA_DIR %s is a file, not a folder: set DATA_DIR to a folder", abs)
	}
	if err := makeFolders(abs, as); err != nil {
		return "", unusable(abs, "can't be made", err)
	}
	// Making a file is the one question to which every file system gives the
	// true answer: modes don't tell of read-only mounts and full disks.
	probe, err := os.CreateTemp(abs, ".payonce-*")
	if err != nil {
		return "", unusable(abs, "can't be written", err)
	}
	defer os.Remove(probe.Name())
	_, err = probe.WriteString("x")
	if err := errors.Join(err, probe.Close()); err != nil {
		return "", unusable(abs, "can't be written", err)
	}
	return abs, nil
}

func absoluteFolder(dir string) (string, error) {
	if dir == "" {
		return "", errors.New("DATA_DIR is empty and no home folder is known: set DATA_DIR to a folder")
	}
	// PostgreSQL keeps the folder's name in files that are read line by line,
	// and others would act on the terminal that shows the name.
	if strings.ContainsFunc(dir, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }) {
		return "", fmt.Errorf("DATA_DIR %q has a line break or another control character in its name: set DATA_DIR to a folder without one", dir)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("DATA_DIR %s is relative, and the current folder is gone: %w: set DATA_DIR to an absolute path", dir, err)
	}
	if abs == filepath.Dir(abs) {
		return "", fmt.Errorf("DATA_DIR is %s, where payonce would change the modes of the system's own folders: set DATA_DIR to a folder of its own", abs)
	}
	return abs, nil
}

// unusable is one sentence: the folder, what can't be done with it, why, and
// what to do.
func unusable(dir, what string, err error) error {
	cause := err
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		cause = path.Err
		if path.Path != dir && filepath.Dir(path.Path) != dir {
			cause = fmt.Errorf("%s: %w", path.Path, path.Err)
		}
	}
	if info, statErr := os.Stat(dir); statErr == nil && errors.Is(err, fs.ErrPermission) {
		if uid, ok := ownerOf(info); ok {
			cause = fmt.Errorf("%w (it belongs to user %s, mode %04o)", cause, userName(uid), info.Mode().Perm())
		}
	}
	remedy := "set DATA_DIR to a folder that can be written"
	if errors.Is(err, syscall.ENOSPC) {
		remedy = "free some space there, or set DATA_DIR to a folder on another disk"
	}
	return fmt.Errorf("DATA_DIR %s %s by %s: %w: %s", dir, what, ourselves(), cause, remedy)
}

// ourselves names the user that we run as.
func ourselves() string { return "user " + userName(uint32(max(0, os.Geteuid()))) }
