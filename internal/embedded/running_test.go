//go:build unix

package embedded_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/payonce/payonce/internal/embedded"
)

// What holds for a server that runs, tried on one pair, because a start is
// most of the cost.
func TestARunningServer(t *testing.T) {
	t.Parallel()
	dir := dataFolder(t)
	pg := start(t, embedded.PostgresConfig{Dir: dir})
	redis, _ := startRedis(t, embedded.RedisConfig{Dir: dir})
	pids := []int{pg.Pid()}
	if redis.Pid() != 0 { // 0: in this process
		pids = append(pids, redis.Pid())
	}
	t.Run("is durable", func(t *testing.T) { isDurable(t, pg.URL()) })
	t.Run("refuses a second owner", func(t *testing.T) { refusesASecondOwner(t, dir) })
	t.Run("has a socket only for its user", func(t *testing.T) { hasAPrivateSocket(t, pg.URL()) })
	t.Run("is not reached by a Ctrl-C", func(t *testing.T) { isInAGroupOfItsOwn(t, pids) })
	t.Run("is not root", func(t *testing.T) { isNotRoot(t, pids) })
	t.Run("listens on no TCP port", func(t *testing.T) { listensOnNoTCPPort(t, pids) })
}

func isDurable(t *testing.T, url string) {
	for _, name := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
		if got := query(t, url, "SHOW "+name); got != "on" {
			t.Errorf("%s is %s", name, got)
		}
	}
}

func refusesASecondOwner(t *testing.T, dir string) {
	_, err := embedded.StartPostgres(t.Context(), embedded.PostgresConfig{Dir: dir})
	if !errors.Is(err, embedded.ErrInUse) {
		t.Fatalf("second owner: %v", err)
	}
	for _, part := range []string{dir, "process " + strconv.Itoa(os.Getpid()), "DATA_DIR"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q doesn't say %q", err, part)
		}
	}
}

func hasAPrivateSocket(t *testing.T, url string) {
	info, err := os.Stat(query(t, url, "SHOW unix_socket_directories"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("socket folder: %v, %v", info, err)
	}
}

// A terminal signals the whole group that is in front.
func isInAGroupOfItsOwn(t *testing.T, pids []int) {
	for _, pid := range pids {
		if group, err := syscall.Getpgid(pid); err != nil || group == syscall.Getpgrp() {
			t.Errorf("process %d is in group %d, as we are (%v)", pid, group, err)
		}
	}
}

func isNotRoot(t *testing.T, pids []int) {
	for _, pid := range pids {
		info, err := os.Stat("/proc/" + strconv.Itoa(pid))
		if err != nil {
			t.Skip("needs /proc")
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid == 0 {
			t.Errorf("process %d runs as root", pid)
		}
	}
}

func listensOnNoTCPPort(t *testing.T, pids []int) {
	var table string
	for _, name := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(name)
		if err != nil && name == "/proc/net/tcp" {
			t.Skip("needs /proc")
		}
		table += string(text)
	}
	for _, pid := range pids {
		files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		if err != nil || len(files) == 0 {
			t.Fatalf("files of process %d: %v, %v", pid, files, err)
		}
		for _, file := range files {
			target, _ := os.Readlink(file)
			inode, ok := strings.CutPrefix(target, "socket:[")
			if ok && strings.Contains(table, " "+strings.TrimSuffix(inode, "]")+" ") {
				t.Errorf("process %d has TCP socket %s", pid, target)
			}
		}
	}
}
