//go:build unix

package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// supported says whether servers can be run as children here.
const supported = true

// tryLock takes the lock on f without waiting. The system drops it when the
// process ends, however it ends.
func tryLock(f *os.File, exclusive bool) (bool, error) {
	how := syscall.LOCK_SH
	if exclusive {
		how = syscall.LOCK_EX
	}
	err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return true, nil
}

// processAlive says whether a process with this pid exists, whichever user owns it.
func processAlive(pid int) bool {
	if pid <= 0 {
		return false
	}
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

func signalProcess(pid int, sig syscall.Signal) error { return syscall.Kill(pid, sig) }

// serverAccount is the user that servers run as: ourselves, or as root an
// ordinary one. Data that exists decides, so that installing PostgreSQL later
// (which adds the user postgres) doesn't lock us out of our own files.
func serverAccount(existing []string) (account, error) {
	if os.Geteuid() != 0 {
		return account{}, nil
	}
	for _, path := range existing {
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 {
			return account{drop: true, uid: st.Uid, gid: st.Gid, name: userName(st.Uid)}, nil
		}
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gidErr := strconv.ParseUint(u.Gid, 10, 32)
		if uidErr == nil && gidErr == nil && uid != 0 {
			return account{drop: true, uid: uint32(uid), gid: uint32(gid), name: name}, nil
		}
	}
	return account{}, errors.New("running as root, and neither user postgres nor nobody exists to run PostgreSQL as: " +
		"add one of them, run payonce as an ordinary user, or set DATABASE_URL")
}

func userName(uid uint32) string {
	id := strconv.FormatUint(uint64(uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username
	}
	return id
}

// own gives path to the account.
func (a account) own(path string) error {
	if !a.drop {
		return nil
	}
	return os.Lchown(path, int(a.uid), int(a.gid))
}

// checkEnter says which folder on the way to dir the account may not enter.
func (a account) checkEnter(dir string) error {
	if !a.drop {
		return nil
	}
	for path := dir; ; path = filepath.Dir(path) {
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("look at folder %s: %w", path, err)
		}
		if !a.mayEnter(info) {
			return fmt.Errorf("running as root, so the servers run as user %s, who may not enter %s (mode %04o): "+
				"choose a DATA_DIR outside it, or allow entering with: chmod o+x %s", a.name, path, info.Mode().Perm(), path)
		}
		if path == filepath.Dir(path) {
			return nil
		}
	}
}

func (a account) mayEnter(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return true
	}
	perm := info.Mode().Perm()
	switch {
	case st.Uid == a.uid:
		return perm&0o100 != 0
	case st.Gid == a.gid:
		return perm&0o010 != 0
	default:
		return perm&0o001 != 0
	}
}

func baseAttributes(as account) *syscall.SysProcAttr {
	// A process group of its own: Ctrl-C goes to the terminal's whole group,
	// and the server must live until we have finished our requests.
	attr := &syscall.SysProcAttr{Setpgid: true}
	if as.drop {
		attr.Credential = &syscall.Credential{Uid: as.uid, Gid: as.gid}
	}
	return attr
}

// ownerOf is the user that a file belongs to.
func ownerOf(info fs.FileInfo) (uid uint32, ok bool) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return st.Uid, true
}
