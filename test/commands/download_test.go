//go:build unix

package commands

import (
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/payonce/payonce/test/service"
)

// Data of a major version that can be downloaded makes the start fall back that far, although another version is installed.
// Where this one is installed, too, it is taken, and fails on data that is none; then nothing may be downloaded.
func TestADownloadOfPostgreSQLIsAnnouncedOrForbidden(t *testing.T) {
	t.Parallel()
	for _, forbidden := range []bool{false, true} {
		var requests atomic.Int64
		registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			requests.Add(1)
			http.NotFound(w, r)
		}))
		t.Cleanup(registry.Close)
		command := asOrdinaryUser(t, map[string]string{"data/postgres-18/PG_VERSION": "18\n"})
		command.Env = append(command.Env, "DATA_DIR="+filepath.Join(command.Dir, "data"), "PAYONCE_DOWNLOAD_URL="+registry.URL,
			"PAYONCE_NO_DOWNLOAD="+strconv.FormatBool(forbidden), "ADDR=127.0.0.1:0", "ADMIN_ADDR=127.0.0.1:0")
		out, errs, code := finish(t, command)
		if code != 1 {
			t.Errorf("exit code %d: %s %s", code, out, errs)
		}
		installed := strings.Contains(errs, "ended before it was ready")
		wantRequests, says := int64(1), "answered 404 Not Found"
		if forbidden {
			wantRequests, says = 0, "PAYONCE_NO_DOWNLOAD forbids"
		}
		if installed {
			wantRequests, says = 0, ""
		}
		announced := strings.Contains(out, "Downloading PostgreSQL 18") && strings.Contains(out, " MB from ")
		if requests.Load() != wantRequests || announced != (wantRequests == 1) || !strings.Contains(errs, says) {
			t.Errorf("forbidden: %t: %d requests, stdout %q, stderr %s", forbidden, requests.Load(), out, errs)
		}
	}
}

// asOrdinaryUser is the service, run by a user who is not root and has a home of their own: root's downloads belong to
// the machine. The files are put into that home.
func asOrdinaryUser(t *testing.T, files map[string]string) *exec.Cmd {
	t.Helper()
	if os.Geteuid() != 0 {
		return asUser(t, os.Geteuid(), os.Getegid(), files)
	}
	uid, gid := numbers(t, "nobody")
	return asUser(t, uid, gid, files)
}

// asUser is asOrdinaryUser for a user of this number; only root may choose one.
func asUser(t *testing.T, uid, gid int, files map[string]string) *exec.Cmd {
	t.Helper()
	home, err := os.MkdirTemp("", "payonce-home-") // nobody may not enter root's t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	command := exec.CommandContext(t.Context(), filepath.Join(home, "payonce"))
	if err := os.Link(service.Binary(t), command.Path); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command.Dir, command.Env = home, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home}
	if os.Geteuid() == 0 {
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		err := filepath.WalkDir(home, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || path == command.Path { // which other tests run, too
				return err
			}
			return os.Lchown(path, uid, gid)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return command
}

func numbers(t *testing.T, name string) (uid, gid int) {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	uid, uidErr := strconv.Atoi(u.Uid)
	gid, gidErr := strconv.Atoi(u.Gid)
	if err := errors.Join(uidErr, gidErr); err != nil {
		t.Fatal(err)
	}
	return uid, gid
}
