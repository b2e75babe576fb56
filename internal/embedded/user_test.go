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

	"github.com/payonce/payonce/internal/embedded"
	"github.com/payonce/payonce/test/executable"
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
	executable.Copy(t, os.Args[0], binary)
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

// nameless is a user that no machine knows, as containers run with any number.
const nameless = 54321

// helperAs is a helper in a home of its own, owned by that user.
func helperAs(t *testing.T, uid uint32, env ...string) *exec.Cmd {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become another user")
	}
	home := filepath.Dir(dataFolder(t))
	binary := filepath.Join(home, "embedded.test")
	executable.Copy(t, os.Args[0], binary)
	if err := os.Chown(home, int(uid), 0); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary)
	cmd.Dir = home
	cmd.Env = append([]string{helperDir + "=" + filepath.Join(home, "data"), "TMPDIR=" + home, "PATH=" + os.Getenv("PATH")}, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: 0}} // as OpenShift does
	return cmd
}

// With its input at an end, a helper ends as soon as its servers have answered.
func TestAUserWithoutANameWorksOrIsToldWhatToDo(t *testing.T) {
	t.Parallel()
	out, err := helperAs(t, nameless).CombinedOutput()
	works := strings.HasPrefix(string(out), `{"Postgres":`)
	told := err != nil && strings.Contains(string(out), "user 54321 has no name") && strings.Contains(string(out), "DATABASE_URL")
	if !works && !told {
		t.Errorf("got %v, %s, want servers or what to do", err, out)
	}
	t.Logf("works: %t", works)
}

func TestWithoutAWayToLendANameOneSentenceSaysWhatToDo(t *testing.T) {
	t.Parallel()
	// Programs that refuse in any case, as where a container allows no namespaces.
	programs := stubs(t, map[string]string{
		"postgres": version,
		"initdb":   `echo "initdb: error: could not look up effective user ID 54321: user does not exist" >&2; exit 1`,
	})
	out, err := helperAs(t, nameless, "PG_BIN_DIR="+programs).CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err == nil || strings.Contains(text, "\n") {
		t.Errorf("got %v, %s, want one line", err, text)
	}
	for _, part := range []string{"user 54321 has no name in /etc/passwd", "a user with a name", "nss_wrapper", "DATABASE_URL"} {
		if !strings.Contains(text, part) {
			t.Errorf("got %s, want %q in it", text, part)
		}
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
