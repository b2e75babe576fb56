//go:build linux

package archive

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/payonce/payonce/test/needs"
)

func TestAFullDiskStopsTheArchiveAndDeletesNothing(t *testing.T) {
	t.Parallel()
	const keys = 5000
	w := newWorld(t, keys)
	w.dir = mountDisk(t, "300k")
	for try := range 3 {
		out, errs, code := w.run("--before", longAgo)
		if code != 1 || !strings.Contains(errs, "no space left") {
			t.Errorf("try %d: exit code %d, %s%s; want an error that names the disk", try, code, out, errs)
		}
		w.whole("the disk is full", keys)
	}
	if left := w.number("SELECT count(*) FROM idempotency_keys"); left == 0 {
		t.Error("nothing is left: the disk was not full")
	}
	if err := syscall.Mount("tmpfs", w.dir, "tmpfs", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	w.must("--before", longAgo)
	w.archived("there is space again", keys)
}

// mountDisk is a file system of this size, which only root may make.
func mountDisk(t *testing.T, size string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "payonce-archive-disk-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(dir) })
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size+",mode=0700"); err != nil {
		needs.Missing(t, "a disk of "+size+" can't be mounted here (root may): "+err.Error())
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount the test's disk: %v", err)
		}
	})
	return dir
}
