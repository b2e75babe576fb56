//go:build unix

package embedded

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestWhatComesInsteadOfThePackageIsRefusedAndNotKept(t *testing.T) {
	t.Parallel()
	whole := newRegistry(t, fakePackage()).packed
	send := func(body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush() // no Content-Length
			_, _ = w.Write(body)
		}
	}
	altered := append([]byte(nil), whole...)
	altered[len(altered)/2] ^= 1
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(len(whole)))
			_, _ = w.Write(whole[:1000])
		}, "sent only 1000 of "},
		"shorter, without a length": {send(whole[:1000]), "sent only 1000 of "},
		"altered":                   {send(altered), "another file than the pinned one"},
		"longer":                    {send(append(append([]byte(nil), whole...), 0)), "another file than the pinned one"},
		"of another length": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("<html>sign in</html>"))
		}, "20 bytes instead of "},
		"missing": {http.NotFound, "answered 404 Not Found"},
		"a failure": {func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "hunter2", http.StatusInternalServerError)
		}, "answered 500 Internal Server Error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, folder := newRegistry(t, fakePackage()), t.TempDir()
			d, _ := r.downloads(t, folder)
			good := r.answer
			r.answer = c.answer
			_, err := findBinaries(t.Context(), PostgresConfig{IgnoreInstalled: true}, nil, d)
			refusedWithAdvice(t, err, c.want)
			holdsNothing(t, folder)
			r.answer = good
			if _, err := d.find(t.Context(), nil); err != nil {
				t.Errorf("the next start: %v", err)
			}
		})
	}
}

func refusedWithAdvice(t *testing.T, err error, reason string) {
	t.Helper()
	if !errors.Is(err, ErrNoPostgres) {
		t.Fatalf("the error is %v", err)
	}
	for _, part := range []string{reason, "start again", "PAYONCE_DOWNLOAD_URL", "DATABASE_URL", "install PostgreSQL", "PG_BIN_DIR"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q lacks %q", err, part)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%q repeats what the registry said", err)
	}
}

func TestAMirrorsPasswordIsSentAndNotShown(t *testing.T) {
	t.Parallel()
	r := newRegistry(t, fakePackage())
	d, told := r.downloads(t, t.TempDir())
	address := strings.Replace(r.URL, "://", "://user:hunter2@", 1) + "/npm?token=hunter2"
	fromSettings, err := newDownloads(PostgresConfig{Dir: t.TempDir(), DownloadURL: address}, account{}, d.log)
	if err != nil {
		t.Fatal(err)
	}
	d.registry = fromSettings.registry
	sent := make(chan string, 1)
	good := r.answer
	r.answer = func(w http.ResponseWriter, req *http.Request) {
		_, password, _ := req.BasicAuth()
		sent <- password + " " + req.URL.RawQuery
		good(w, req)
	}
	if _, err := d.find(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if got := <-sent; got != "hunter2 token=hunter2" {
		t.Errorf("the registry got %q", got)
	}
	r.Close() // no server listens
	d.folders = []string{t.TempDir()}
	_, err = d.find(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), "can't be reached") || strings.Contains(err.Error(), "hunter2") || told.has("hunter2") {
		t.Errorf("error %v, announced %q", err, told.text)
	}
	if _, err := newDownloads(PostgresConfig{DownloadURL: "http://u:hunter2@[nowhere"}, account{}, d.log); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("an address that is none: %v", err)
	}
}

// stuck answers with the first bytes, then with nothing; entered tells of it.
func (r *registry) stuck() (entered chan struct{}) {
	entered = make(chan struct{}, 1)
	r.answer = func(w http.ResponseWriter, req *http.Request) {
		_, _ = w.Write(r.packed[:1000])
		w.(http.Flusher).Flush()
		entered <- struct{}{}
		<-req.Context().Done()
	}
	return entered
}

func TestARegistryThatStopsSendingIsGivenUp(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*downloads){
		"nothing came from": func(d *downloads) { d.stall = 100 * time.Millisecond },
		"it was not done":   func(d *downloads) { d.limit = 100 * time.Millisecond },
	} {
		r, folder := newRegistry(t, fakePackage()), t.TempDir()
		r.stuck()
		d, _ := r.downloads(t, folder)
		set(d)
		if _, err := d.find(t.Context(), nil); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want one that says %q", err, name)
		}
		holdsNothing(t, folder)
	}
}

func TestASlowRegistryIsWaitedForAsLongAsItSends(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stalled := make(chan time.Time, 1)
		begin, sent := time.Now(), restart{time.AfterFunc(stallLimit, func() { stalled <- time.Now() }), stallLimit}
		for range 10 {
			<-time.After(stallLimit - time.Second)
			if n, err := sent.Write([]byte("some")); n != 4 || err != nil {
				t.Errorf("wrote %d, %v", n, err)
			}
		}
		if at, want := (<-stalled).Sub(begin), 10*(stallLimit-time.Second)+stallLimit; at != want {
			t.Errorf("given up after %s, want %s", at, want)
		}
	})
}

func TestACanceledStartEndsTheDownload(t *testing.T) {
	t.Parallel()
	r, folder := newRegistry(t, fakePackage()), t.TempDir()
	entered := r.stuck()
	d, _ := r.downloads(t, folder)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := findBinaries(ctx, PostgresConfig{IgnoreInstalled: true}, nil, d)
		ended <- err
	}()
	<-entered
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) || errors.Is(err, ErrNoPostgres) {
		t.Errorf("a canceled start says %v", err)
	}
	holdsNothing(t, folder)
}
