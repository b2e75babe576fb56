package embedded

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
)

func childAttributes(as account, onDeath syscall.Signal) *syscall.SysProcAttr {
	attr := baseAttributes(as)
	attr.Pdeathsig = onDeath
	return attr
}

// watchParent has nothing to do: the kernel watches.
func watchParent(int, syscall.Signal) (release func(), err error) { return func() {}, nil }

// commandOf returns the command line of a process, "" if it can't be read.
func commandOf(pid int) string {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return ""
	}
	return string(bytes.ReplaceAll(line, []byte{0}, []byte{' '}))
}
