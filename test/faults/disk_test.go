//go:build linux

package faults

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/payonce/payonce/migrations"
	"github.com/payonce/payonce/test/needs"
	"github.com/payonce/payonce/test/service"
)

// Postgres's disk is full while requests are at every step. New work is refused, nothing is half done, and all goes on
// when there is space again.
func TestF25PostgresDiskFull(t *testing.T) {
	t.Parallel()
	disk := mountDisk(t, "192m")
	pg := startPostgres(t, filepath.Join(disk, "data"))
	if err := migrations.Up(t.Context(), pg.URL()); err != nil {
		t.Fatal(err)
	}
	w := open(t, options{database: pg.URL()})
	all := w.holdEverywhere()
	filled := fill(t, disk)
	service.Until(t, "an order finds no space", func() bool { return w.order(rand.Text()).Status == http.StatusServiceUnavailable })
	w.release()
	w.collect(all)
	if err := os.Remove(filled); err != nil {
		t.Fatal(err)
	}
	if pg.Pid() == 0 { // it gives up when its log can't be written
		if err := pg.Restart(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	service.Insist(t, "orders are taken again", func() service.Response { return w.order(rand.Text()) })
	if took := time.Since(began); took > slack/2 {
		t.Errorf("it took new orders %s after there was space", took)
	}
	w.judge("F25", all, func(h *held) class {
		if h.place.at >= s9 {
			return answered
		}
		return commitUnknown
	})
}

// mountDisk is a file system of this size, which only root may make.
func mountDisk(t *testing.T, size string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "payonce-disk-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(dir) })
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size+",mode=0711"); err != nil {
		missing := "a disk of " + size + " can't be mounted here (root may): " + err.Error()
		if !needs.CI() {
			cells.excuse("F25", missing)
		}
		needs.Missing(t, missing)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount the test's disk: %v", err)
		}
	})
	return dir
}

// fill writes until nothing more goes.
func fill(t *testing.T, disk string) (path string) {
	t.Helper()
	path = filepath.Join(disk, "filler")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for size := 1 << 20; size > 0; {
		if _, err = file.Write(make([]byte, size)); err != nil {
			size /= 2
		}
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("the disk is not full: %v", err)
	}
	return path
}
