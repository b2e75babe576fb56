package embedded

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

func childAttributes(as account, onDeath syscall.Signal) *syscall.SysProcAttr {
	attr := baseAttributes(as)
	attr.Pdeathsig = onDeath
	if as.borrowed {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: as.asUser, HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: as.asGroup, HostID: os.Getegid(), Size: 1}}
	}
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

// lendName lets a program run as if our user were one who has a name. Many
// containers forbid it; then the program does not start.
func lendName() (account, bool) {
	for _, name := range []string{"nobody", "postgres", "daemon", "bin"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.Atoi(u.Uid)
		gid, gidErr := strconv.Atoi(u.Gid)
		if uidErr == nil && gidErr == nil && uid != 0 { // initdb refuses root
			return account{borrowed: true, asUser: uid, asGroup: gid}, true
		}
	}
	return account{}, false
}
