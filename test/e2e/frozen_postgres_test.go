package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

// A Postgres that hangs is said to be away, by reads and by readiness as well: nobody waits for it without end.
func TestAPostgresThatHangsEndsInARefusalAlsoForReads(t *testing.T) {
	t.Parallel()
	pg := stores.PrivatePostgres(t)
	s := open(t, service.Options{DatabaseURL: pg.URL(), Env: hasty()})
	order := s.CreateOrder()
	processes := family(t, pg.Pid())
	signal := func(sig syscall.Signal) {
		for _, pid := range processes {
			_ = syscall.Kill(pid, sig) // a backend may have ended
		}
	}
	defer signal(syscall.SIGCONT)
	signal(syscall.SIGSTOP)
	for _, path := range []string{"/v1/orders/" + order, "/readyz"} {
		resp := s.Get(path)
		if resp.Status != http.StatusServiceUnavailable || resp.Took > 6*time.Second {
			t.Errorf("%s: %s after %s", path, resp, resp.Took)
		}
	}
	signal(syscall.SIGCONT)
	service.Until(t, "it serves again", func() bool { return s.Get("/v1/orders/"+order).Status == http.StatusOK })
	s.check()
}

// family is a process and its children, by /proc. The parent comes first: stopped, it starts no more of them.
func family(t *testing.T, parent int) []int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Skip("without /proc the server's processes are not known") // macOS
	}
	pids := []int{parent}
	for _, entry := range entries {
		stat, err := os.ReadFile("/proc/" + entry.Name() + "/stat")
		if err != nil {
			continue
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if pid, err := strconv.Atoi(entry.Name()); err == nil && fields[1] == fmt.Sprint(parent) {
			pids = append(pids, pid)
		}
	}
	return pids
}
