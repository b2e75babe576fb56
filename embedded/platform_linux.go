package embedded

import (
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

// canPassFolders says whether a child can get a folder as a handle.
const canPassFolders = true

// worksIn says whether the process is a server of the cluster in dir: each of
// them has it as its working directory. False for one that has ended and whose
// parent has not noticed yet.
func worksIn(pid int, dir string) bool {
	theirs, err := os.Stat(fmt.Sprintf("/proc/%d/cwd", pid))
	if err != nil {
		return false
	}
	ours, err := os.Stat(dir)
	return err == nil && os.SameFile(theirs, ours)
}
