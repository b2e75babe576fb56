//go:build unix

package embedded_test

import (
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/payonce/payonce/embedded"
)

// The other tests run again as nobody, from a home of its own.
func TestAnOrdinaryUserNeedsNoPrivileges(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("the other tests run as an ordinary user already")
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Skip("there is no user nobody to try it as")
	}
	uid, gid := number(t, nobody.Uid), number(t, nobody.Gid)
	home := filepath.Dir(dataFolder(t))
	binary := filepath.Join(home, "embedded.test")
	content, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(binary, content, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(home, int(uid), int(gid)); err != nil {
		t.Fatal(err)
	}
	const some = "TestDataIsKept|TestKillingTheParent|TestARunningServer|TestOthersAttach|TestALongDataFolder|Redis"
	cmd := exec.CommandContext(t.Context(), binary, "-test.run", some, "-test.v")
	cmd.Dir = home
	cmd.Env = []string{"HOME=" + home, "TMPDIR=" + home, "PATH=" + os.Getenv("PATH")}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestDataIsKeptBetweenRuns") {
		t.Errorf("as nobody: %v\n%s", err, out)
	}
}

// Like the temporary folders of most test frameworks, and root's home.
func TestRootsServersWorkInAFolderThatTheirUserMayNotEnter(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 || runtime.GOOS != "linux" {
		t.Skip("needs root, on Linux")
	}
	closed := t.TempDir()
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(closed, "data")
	parent, servers := startOwner(t, dir)
	kill(t, parent)
	pg := start(t, embedded.PostgresConfig{Dir: dir})
	query(t, pg.URL(), "CREATE TABLE kept AS SELECT 'here' AS what")
	if err := pg.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := pg.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := query(t, pg.URL(), "SELECT what FROM kept"); got != "here" {
		t.Errorf("after a crash: %q", got)
	}
	eventually(t, "the killed owner's server has ended", func() bool { return !running(servers.Postgres) })
	if info, err := os.Stat(closed); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder's mode was changed: %v, %v", info, err)
	}
}

func number(t *testing.T, text string) uint32 {
	t.Helper()
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(n)
}

// writeAsOwner writes a file and gives it to the owner of dir, as the server
// would have written it.
func writeAsOwner(t *testing.T, dir, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		t.Fatal(err)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		if err := os.Chown(path, int(st.Uid), int(st.Gid)); err != nil {
			t.Fatal(err)
		}
	}
}
