//go:build unix

package simulator

import (
	"fmt"
	"os"
	"syscall"
)

// lock keeps a second process, or a second Simulator, from appending to the same book. The kernel lets go of it when the
// process ends, however it ends.
func lock(file *os.File) error {
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("%s is in use by another process: %w", file.Name(), err)
	}
	return nil
}
