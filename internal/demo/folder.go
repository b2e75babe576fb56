package demo

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// folder is the temporary folder of a run.
type folder struct {
	path    string
	janitor *exec.Cmd
	hold    io.Closer // the janitor works when this is closed: by us, or by the system when we are killed
}

// sweep waits for the end of its input, deaf to the terminal's Ctrl-C, and removes the folder. It tries again for a while,
// because a PostgreSQL whose parent was killed still needs a moment to end.
const sweep = `trap '' INT TERM HUP QUIT
read -r _
n=0
while rm -rf -- "$1"; [ -e "$1" ] && [ $n -lt 100 ]; do n=$((n+1)); sleep 0.1; done`

// makeFolder makes the folder and sets a janitor beside it, which outlives this process if need be.
func makeFolder() (*folder, error) {
	path, err := os.MkdirTemp("", "payonce-demo-")
	if err == nil { // what works in it starts elsewhere
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return nil, fmt.Errorf("make a temporary folder: %w: set TMPDIR to one that can be written", err)
	}
	if os.Geteuid() == 0 { // root's servers run as another user, who has to pass; what lies inside has modes of its own
		if err := os.Chmod(path, 0o711); err != nil { //nolint:gosec // to pass through, not to read
			return nil, fmt.Errorf("let the servers' user through %s: %w", path, err)
		}
	}
	f := &folder{path: path}
	janitor := exec.Command("/bin/sh", "-c", sweep, "payonce-demo-janitor", path) //nolint:noctx // it outlives every context
	janitor.Dir, janitor.Env = "/", []string{"PATH=/usr/bin:/bin"}
	if f.hold, err = janitor.StdinPipe(); err == nil && janitor.Start() == nil {
		f.janitor = janitor
	} // without a shell only a kill leaves the folder behind
	return f, nil
}

// remove removes the folder and waits for the janitor.
func (f *folder) remove() error {
	err := os.RemoveAll(f.path)
	if f.janitor != nil {
		_ = f.hold.Close()
		_ = f.janitor.Wait() // that it found nothing left to do is no failure
	}
	if err != nil {
		return fmt.Errorf("remove the temporary folder: %w", err)
	}
	return nil
}
