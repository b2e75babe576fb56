//go:build unix && !linux

package embedded

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

func childAttributes(as account, _ syscall.Signal) *syscall.SysProcAttr { return baseAttributes(as) }

// watchParent stands in for Linux's parent-death signal: a shell reads from a
// pipe that only we hold open, so its read ends when we do, and then it signals
// the child. Closing the pipe after the shell has ended is the normal way out.
func watchParent(pid int, onDeath syscall.Signal) (release func(), err error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("pipe to watch over pid %d: %w", pid, err)
	}
	const script = `read _; kill -"$1" "$2"`
	watch := command("/bin/sh", "-c", script, "watch", strconv.Itoa(int(onDeath)), strconv.Itoa(pid))
	watch.Stdin = read
	watch.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = watch.Start()
	read.Close()
	if err != nil {
		write.Close()
		return nil, fmt.Errorf("watch over pid %d: %w", pid, err)
	}
	return func() {
		// Ended before its pipe closes, so that it can't signal a stranger
		// who was given the child's pid.
		_ = watch.Process.Kill()
		_ = watch.Wait()
		write.Close()
	}, nil
}

// canPassFolders says whether a child can get a folder as a handle.
const canPassFolders = false

// worksIn says whether the process is the server of the cluster in dir.
func worksIn(pid int, dir string) bool {
	line, err := command("ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && strings.Contains(string(line), dir)
}

// lendName: only Linux has namespaces of users.
func lendName() (account, bool) { return account{}, false }
