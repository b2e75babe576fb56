//go:build unix

package main

import (
	"fmt"
	"syscall"
)

// freeze stops a process where it is; thaw lets it go on.
func (c *child) freeze() error { return c.cmd.Process.Signal(syscall.SIGSTOP) }

func (c *child) thaw() error { return c.cmd.Process.Signal(syscall.SIGCONT) }

// freeDisk is how many bytes there is room for in a folder.
func freeDisk(folder string) (int64, error) {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(folder, &disk); err != nil {
		return 0, fmt.Errorf("look for room on the disk: %w", err)
	}
	return int64(disk.Bavail) * int64(disk.Bsize), nil //nolint:unconvert // the types differ between systems
}
