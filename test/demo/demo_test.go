package demo

import (
	"encoding/json"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/payonce/payonce/test/executable"
	"github.com/payonce/payonce/test/service"
)

// garbage is an environment whose every setting would stop the service, or lead it to the user's own stores.
func garbage(t *testing.T) (settings []string, data string) {
	t.Helper()
	data = filepath.Join(t.TempDir(), "data")
	return []string{
		"DATABASE_URL=postgres://u:gar@garbage@h/d", "REDIS_URL=redis://:garbage/bage@h", "PROVIDER_URL=http://u:garbage@h", "PROVIDER_SECRET_KEY=", "SECRET_KEY=garbage",
		"ADDR=garbage", "ADMIN_ADDR=garbage", "IDEMPOTENCY_LEASE=garbage", "DATA_DIR=" + data,
		"PGSERVICE=garbage", "PGOPTIONS=garbage", "PGCONNECT_TIMEOUT=garbage", "PGHOST=garbage", "PGREQUIREAUTH=garbage", "REDISCLI_AUTH=garbage",
	}, data
}

func TestThePromiseHoldsBesideAServiceThatHasNone(t *testing.T) {
	t.Parallel()
	settings, data := garbage(t)
	s := prepare(t, service.Binary(t), settings)
	if code := s.run(); code != 0 || s.stderr.Len() > 0 {
		t.Fatalf("exit code %d, stderr %q, stdout\n%s", code, &s.stderr, s.text())
	}
	s.leavesNothing()
	if _, err := os.Stat(data); !os.IsNotExist(err) {
		t.Errorf("DATA_DIR was touched: %v", err)
	}
	text := s.text()
	if strings.Contains(text, "garbage") {
		t.Errorf("a setting of the service, which may hold a password, is shown in\n%s", text)
	}
	checkLines(t, text)
	if strings.Contains(text, "\x1b") {
		t.Error("the output has colours although it is no terminal")
	}
	for _, shown := range []string{
		"1  A double click", "2  A timeout and a retry", "3  50 copies at once", "4  kill -9 between charge and commit",
		"5  Redis forgets everything", "6  Two keys for one order", "7  A replica freezes",
		"50 copies   1×", "49×409  refused, in flight", "replayed", "killed, charged", "charged again", "found, written down",
		"62×  1239.38 EUR", "7×   139.93 EUR", "✓ The promise held: 7 orders, 7 charges, 139.93 EUR.", "1099.45 EUR too much",
	} {
		if !strings.Contains(text, shown) {
			t.Errorf("%q is not shown in\n%s", shown, text)
		}
	}
}

// README.md quotes a scene as it is played.
func TestTheReadmeQuotesTheDemo(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, quoted, _ := strings.Cut(string(page), "```\n  4  ")
	quoted, _, _ = strings.Cut(quoted, "```")
	s := prepare(t, service.Binary(t), nil)
	s.start()
	s.until("5  Redis forgets everything")
	if quoted == "" || !strings.Contains(s.text(), "\n  4  "+quoted) {
		t.Errorf("README.md quotes\n%s\nof\n%s", quoted, s.text())
	}
}

func checkLines(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if n := utf8.RuneCountInString(line); n > 80 || strings.ContainsAny(line, "\t") {
			t.Errorf("%d columns: %q", n, line)
		}
	}
}

// document is what a program reads.
type document struct {
	Scenes []struct {
		Number        int
		Name, Story   string
		Without, With played
		PromiseHeld   bool `json:"promise_held"`
	}
	Currency      string
	OrderAmount   int64 `json:"order_amount"`
	Without, With struct {
		Charges int
		Amount  int64
	}
	PromiseHeld bool `json:"promise_held"`
	Breaches    []string
	Seconds     float64
}

type played struct {
	Expected                          int `json:"expected_charges"`
	Charges                           int
	Amount                            int64
	Statuses                          map[string]int
	Executed, Replayed, Refused, Lost int
	Steps                             []map[string]any
	Breaches                          []string
}

// An ordinary user, and no redis-server on the PATH.
func TestTheDocumentCountsWhatTheProviderCharged(t *testing.T) {
	t.Parallel()
	s := prepare(t, service.Binary(t), []string{"PATH=" + t.TempDir()}, "--json")
	s.asOrdinaryUser()
	if code := s.run(); code != 0 || s.stderr.Len() > 0 {
		t.Fatalf("exit code %d, stderr %q, stdout\n%s", code, &s.stderr, s.text())
	}
	s.leavesNothing()
	var doc document
	decoder := json.NewDecoder(strings.NewReader(s.text()))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&doc); err != nil || decoder.More() {
		t.Fatalf("%v, more follows: %t: %s", err, decoder.More(), s.text())
	}
	if !doc.PromiseHeld || len(doc.Breaches) > 0 || doc.Currency != "EUR" || doc.OrderAmount != 1999 || doc.Seconds <= 0 ||
		doc.Without.Charges != 62 || doc.Without.Amount != 62*1999 || doc.With.Charges != 7 || doc.With.Amount != 7*1999 {
		t.Errorf("%+v", doc)
	}
	var with []string // what payonce's clients saw: executed, replayed, refused, lost
	for i, sc := range doc.Scenes {
		harm := map[int]int{3: 50}[sc.Number]
		harm = max(harm, 2)
		if sc.Number != i+1 || sc.Without.Charges != harm || sc.Without.Expected != harm || sc.Without.Amount != int64(harm)*1999 {
			t.Errorf("scene %d without protection: %+v", sc.Number, sc.Without)
		}
		if !sc.PromiseHeld || sc.With.Charges != 1 || sc.With.Expected != 1 || sc.With.Amount != 1999 || len(sc.With.Breaches) > 0 || len(sc.With.Steps) == 0 {
			t.Errorf("scene %d with payonce: %+v", sc.Number, sc.With)
		}
		with = append(with, fmt.Sprint(sc.Number, ": ", sc.With.Executed, sc.With.Replayed, sc.With.Lost))
	}
	want := []string{"1: 1 1 0", "2: 0 1 1", "3: 1 49 0", "4: 1 1 1", "5: 1 1 0", "6: 1 0 0", "7: 1 1 0"}
	if diff := cmp.Diff(want, with); diff != "" {
		t.Errorf("executed, replayed and lost with payonce: %s", diff)
	}
}

// asOrdinaryUser lets the demo run as nobody when the test runs as root.
func (s *show) asOrdinaryUser() {
	s.t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		s.t.Fatal(err)
	}
	uid, uidErr := strconv.ParseUint(nobody.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(nobody.Gid, 10, 32)
	if uidErr != nil || gidErr != nil {
		s.t.Fatalf("user nobody is %s:%s", nobody.Uid, nobody.Gid)
	}
	if err := os.Chown(s.temp, int(uid), int(gid)); err != nil {
		s.t.Fatal(err)
	}
	s.cmd.Path = copyForEverybody(s.t, s.cmd.Path)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

// copyForEverybody copies a program to where every user may run it.
func copyForEverybody(t *testing.T, program string) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "payonce-binary-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o711); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(folder, "payonce")
	executable.Copy(t, program, copied)
	return copied
}
