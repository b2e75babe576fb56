package embedded

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// makeFolders makes a folder and what is missing above it. Folders that are made
// here let the servers' user through, and only through: what lies in them has
// modes of its own. A folder that was there keeps its mode.
func makeFolders(dir string, as account) error {
	var missing []string
	for path := dir; ; path = filepath.Dir(path) {
		if _, err := os.Stat(path); err == nil || path == filepath.Dir(path) {
			break
		}
		missing = append(missing, path)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if !as.drop {
		return nil
	}
	for _, path := range missing {
		if err := os.Chmod(path, 0o711); err != nil { //nolint:gosec // to pass through, not to read
			return fmt.Errorf("let user %s through folder %s: %w", as.name, path, err)
		}
	}
	return nil
}

// makePrivate makes an empty folder that only the account may use.
func makePrivate(dir string, as account) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("make folder %s: %w", dir, err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("look at folder %s: %w", dir, err)
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is in the way: a folder is needed there", dir)
	}
	if err := os.Chmod(dir, 0o700); err != nil { //nolint:gosec // a folder needs the x
		return fmt.Errorf("make folder %s private: %w", dir, err)
	}
	if err := as.own(dir); err != nil {
		return fmt.Errorf("give folder %s to user %s: %w", dir, as.name, err)
	}
	return nil
}

// openLog opens a server's log for one run, keeping the previous one: its end
// says why the last run ended, and two runs bound the size.
func openLog(path string, as account) (*os.File, error) {
	if err := os.Rename(path, path+".old"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("keep the log of the previous run: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	if err := as.own(path); err != nil {
		f.Close()
		return nil, fmt.Errorf("give %s to user %s: %w", path, as.name, err)
	}
	return f, nil
}

// tail returns the last bytes of a file, for quoting in an error.
func tail(path string) string {
	const most = 4096
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > most {
		if _, err := f.Seek(-most, io.SeekEnd); err != nil {
			return ""
		}
	}
	text, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return ""
	}
	return string(text)
}
