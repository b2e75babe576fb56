//go:build unix

package embedded

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	fakeMajor    = 99
	fakeVersion  = "99.1"
	fakePlatform = "some/machine"
)

// entry is an entry of an archive.
type entry struct {
	tar.Header
	content string
}

func file(name string, mode int64, content string) entry {
	return entry{tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(content))}, content}
}

// fakePackage is an npm package whose server does no more than tell its version.
func fakePackage() []entry {
	const server = "#!/bin/sh\necho 'postgres (PostgreSQL) " + fakeVersion + "'\n"
	return []entry{
		file("package/native/bin/postgres", 0o755, server),
		file("package/native/bin/initdb", 0o755, "#!/bin/sh\n"),
		file("package/native/lib/libpq.so.5.18", 0o600, "a library"),
		file("package/native/pg-symlinks.json", 0o644, `[{"source":"native/lib/libpq.so.5.18","target":"native/lib/libpq.so.5"}]`),
		file("package/native/share/padding", 0o644, strings.Repeat("0123456789", 20_000)),
	}
}

func pack(t *testing.T, entries []entry) []byte {
	t.Helper()
	var packed bytes.Buffer
	zip, err := gzip.NewWriterLevel(&packed, gzip.NoCompression) // so that half of it is not almost all
	if err != nil {
		t.Fatal(err)
	}
	archive := tar.NewWriter(zip)
	for _, e := range entries {
		if err := archive.WriteHeader(&e.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	for _, closer := range []interface{ Close() error }{archive, zip} {
		if err := closer.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return packed.Bytes()
}

// registry is an npm registry with one package. Its answer can be replaced.
type registry struct {
	*httptest.Server
	packed   []byte
	answer   http.HandlerFunc
	requests atomic.Int64
}

func newRegistry(t *testing.T, entries []entry) *registry {
	t.Helper()
	r := &registry{packed: pack(t, entries)}
	r.answer = func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path != "/npm/@embedded-postgres/fake/-/fake-99.1.0.tgz" {
			http.NotFound(w, req)
			return
		}
		_, _ = w.Write(r.packed)
	}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.requests.Add(1)
		r.answer(w, req)
	}))
	t.Cleanup(r.Close)
	return r
}

// downloads is the source over this registry, with the package pinned as it was made.
func (r *registry) downloads(t *testing.T, folders ...string) (*downloads, *notes) {
	t.Helper()
	address, err := url.Parse(r.URL + "/npm")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(r.packed)
	told := &notes{}
	return &downloads{
		releases: []release{{major: fakeMajor, version: fakeVersion, archives: map[string]archive{fakePlatform: {
			platform: "fake", version: "99.1.0", sha256: hex.EncodeToString(sum[:]), size: int64(len(r.packed)),
		}}}},
		platform: fakePlatform, registry: address, folders: folders, announce: told.add,
		log: slog.New(told), limit: time.Minute, stall: time.Minute,
	}, told
}

// notes are what was announced and logged.
type notes struct {
	slog.Handler
	mu   sync.Mutex
	text []string
}

func (n *notes) add(text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.text = append(n.text, text)
}

func (n *notes) has(part string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.ContainsFunc(n.text, func(text string) bool { return strings.Contains(text, part) })
}

func (n *notes) Enabled(context.Context, slog.Level) bool { return true }

func (n *notes) Handle(_ context.Context, r slog.Record) error {
	n.add(r.Message)
	return nil
}

// holdsNothing fails when a folder holds more than locks.
func holdsNothing(t *testing.T, folder string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if filepath.Ext(entry.Name()) != ".lock" {
			t.Errorf("left behind: %s", entry.Name())
		}
	}
}
