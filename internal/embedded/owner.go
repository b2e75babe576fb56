package embedded

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/payonce/payonce/internal/logging"
)

// ErrNotRunning says that no process owns the data folder.
var ErrNotRunning = errors.New("no payonce is running on this data folder")

// ErrInUse says that another process owns the data folder.
var ErrInUse = errors.New("data folder in use")

const lockName = "payonce.lock"

// owner holds the lock on a data folder.
type owner struct {
	file *os.File
	last ownerNote // what the file says
}

// ownerNote is what an owner writes into the locked file, for people and for
// [AttachPostgres].
type ownerNote struct {
	Pid       int    `json:"pid"`
	URL       string `json:"url,omitempty"`        // once PostgreSQL is ready
	SocketDir string `json:"socket_dir,omitempty"` // when it is outside the folder
	Command   string `json:"command,omitempty"`    // what the owner is: "serve"
	Serves    string `json:"serves,omitempty"`     // where it listens, once it does
}

// own locks the folder. It returns the note of the previous owner, too: a
// socket folder outside may be left to clear away.
func own(dir string) (*owner, ownerNote, error) {
	path := filepath.Join(dir, lockName)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, ownerNote{}, fmt.Errorf("open the lock of the data folder: %w: %s", err, anotherUser)
	}
	// A few tries, because a process that looks whether there is an owner holds
	// the lock for a moment, shared.
	for range 10 {
		ok, err := tryLock(f, true)
		if err != nil {
			f.Close()
			return nil, ownerNote{}, err
		}
		if ok {
			note, _ := readNote(path)
			return &owner{file: f}, note, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	f.Close()
	return nil, ownerNote{}, inUse(dir, path)
}

// Owner names the process that owns a data folder, for people; it is empty when
// there is none.
func Owner(dir string) string {
	path := filepath.Join(dir, lockName)
	if taken, err := owned(path); err != nil || !taken {
		return ""
	}
	return describeOwner(path)
}

func describeOwner(path string) string {
	note, err := readNote(path)
	if err != nil || note.Pid <= 0 {
		return "another process"
	}
	who := fmt.Sprintf("process %d", note.Pid)
	if note.Command != "" {
		who += " (payonce " + note.Command + ")"
	}
	if note.Serves != "" {
		who += ", which listens on " + note.Serves
	}
	return who
}

func inUse(dir, path string) error {
	who := describeOwner(path)
	return fmt.Errorf("%w: %s belongs to %s: stop that one, or set DATA_DIR to another folder", ErrInUse, dir, who)
}

func readNote(path string) (ownerNote, error) {
	var note ownerNote
	text, err := os.ReadFile(path)
	if err != nil {
		return note, err
	}
	err = json.Unmarshal(text, &note)
	return note, err
}

// note replaces what the locked file says. Written in place, not renamed: the
// lock is on this very file.
func (o *owner) note(n ownerNote) error {
	n.Pid = os.Getpid()
	o.last = n
	text, err := json.Marshal(n)
	if err != nil {
		return fmt.Errorf("write the owner's note: %w", err)
	}
	if err := o.file.Truncate(0); err != nil {
		return fmt.Errorf("write the owner's note: %w", err)
	}
	if _, err := o.file.WriteAt(text, 0); err != nil {
		return fmt.Errorf("write the owner's note: %w", err)
	}
	return nil
}

// release gives the folder up. The file stays: removing a locked file would
// let two processes lock two files of one name.
func (o *owner) release() error {
	return errors.Join(o.file.Truncate(0), o.file.Close())
}

// AttachPostgres returns the URL of the server that the owner of this data
// folder runs. It waits for an owner that is still starting, which may have to
// recover from a crash, until ctx ends, and returns [ErrNotRunning] when there
// is none.
func AttachPostgres(ctx context.Context, dir string, log *slog.Logger) (url string, err error) {
	dropClientSettings()
	dir, err = absoluteFolder(dir)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, lockName)
	done := logging.Waiting(ctx, log, "the PostgreSQL of the process that owns the data folder", "folder", dir, "log", filepath.Join(dir, logName))
	defer done()
	for {
		running, err := owned(path)
		if err != nil {
			return "", err
		}
		if !running {
			return "", fmt.Errorf("%w: %s", ErrNotRunning, dir)
		}
		// A note that can't be read is one that is being written; one of a dead
		// process is about to be.
		note, err := readNote(path)
		if err == nil && note.URL != "" && processAlive(note.Pid) {
			return note.URL, nil
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return "", fmt.Errorf("process %d owns %s and has not started PostgreSQL: look at %s: %w", note.Pid, dir, filepath.Join(dir, logName), err)
		}
	}
}

// owned says whether a process holds the lock.
func owned(path string) (bool, error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for the owner of the data folder: %w: %s", err, anotherUser)
	}
	defer f.Close() // drops the lock
	free, err := tryLock(f, false)
	return !free, err
}
