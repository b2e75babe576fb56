//go:build unix

package archive

import (
	"errors"
	"os"
	"syscall"
)

// tryLock takes the lock on a file without waiting; the system drops it with the process. known is false where the file system has
// no locks.
func tryLock(f *os.File) (locked, known bool) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	return err == nil, err == nil || errors.Is(err, syscall.EWOULDBLOCK)
}
