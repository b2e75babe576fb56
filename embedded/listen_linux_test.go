package embedded_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/payonce/payonce/embedded"
)

func TestNoServerListensOnTCP(t *testing.T) {
	t.Parallel()
	dir := dataFolder(t)
	pg := start(t, embedded.PostgresConfig{Dir: dir})
	redis, _ := installedRedis(t, dir)
	var table string
	for _, name := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(name)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		table += string(text)
	}
	for _, pid := range []int{pg.Pid(), redis.Pid()} {
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
