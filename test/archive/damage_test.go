//go:build unix

package archive

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// damaged archives some tombstones, does harm to the only file and returns what verify says of it.
func damaged(t *testing.T, harm func(path string) error, arguments ...string) (out, errs string, code int) {
	t.Helper()
	w := newWorld(t, 500)
	w.must("--before", longAgo)
	w.archived("before the harm", 500)
	names := w.names()
	if len(names) != 1 {
		t.Fatalf("got %d files, want 1", len(names))
	}
	if err := harm(names[0]); err != nil {
		t.Fatal(err)
	}
	return w.run(append([]string{"verify"}, arguments...)...)
}

func change(path string, how func([]byte) []byte) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, how(content), 0o600)
}

func flip(at int) func([]byte) []byte {
	return func(content []byte) []byte {
		content[(at+len(content))%len(content)] ^= 0x10
		return content
	}
}

func TestVerifyFindsEachHarm(t *testing.T) {
	t.Parallel()
	manifest := func(path string) string { return path + ".manifest.json" }
	for name, test := range map[string]struct {
		harm func(path string) error
		says string
		with []string
	}{
		"a bit at the beginning": {func(p string) error { return change(p, flip(0)) }, "SHA-256", nil},
		"a bit in the middle":    {func(p string) error { return change(p, flip(5000)) }, "SHA-256", nil},
		"a bit at the end":       {func(p string) error { return change(p, flip(-1)) }, "SHA-256", nil},
		"a bit of the time in the header, which no checksum of gzip covers": {func(p string) error { return change(p, flip(4)) }, "SHA-256", nil},
		"a byte less":      {func(p string) error { return change(p, func(c []byte) []byte { return c[:len(c)-1] }) }, "bytes", nil},
		"a byte more":      {func(p string) error { return change(p, func(c []byte) []byte { return append(c, 0) }) }, "bytes", nil},
		"an empty file":    {func(p string) error { return change(p, func([]byte) []byte { return nil }) }, "bytes", nil},
		"no file":          {os.Remove, "is gone", nil},
		"no manifest":      {func(p string) error { return os.Remove(manifest(p)) }, "no manifest", nil},
		"another manifest": {func(p string) error { return change(manifest(p), flip(200)) }, "manifest", nil},
		"neither, which the database knows": {func(p string) error {
			return errors.Join(os.Remove(p), os.Remove(manifest(p)))
		}, "is gone", []string{"--database"}},
		"a manifest of 499 records": {func(p string) error {
			return change(manifest(p), func(c []byte) []byte {
				return []byte(strings.Replace(string(c), `"records": 500`, `"records": 499`, 1))
			})
		}, "500 records", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, errs, code := damaged(t, test.harm, test.with...)
			if code != 1 || !strings.Contains(out, test.says) || !strings.Contains(errs, "problems") {
				t.Errorf("exit code %d, %s%s; want 1 and %q", code, out, errs, test.says)
			}
		})
	}
}

func TestVerifyCountsWhatIsThereTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0)
	w.fill(0, 300)
	w.exec(`CREATE TABLE backup AS SELECT * FROM idempotency_keys`)
	w.must("--before", longAgo)
	w.exec(`INSERT INTO idempotency_keys SELECT * FROM backup LIMIT 7`) // as a restored backup does
	w.must("--before", longAgo)
	var report struct{ Duplicates int }
	out, errs, code := w.run("verify", "--json")
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != 1 || report.Duplicates != 7 || !strings.Contains(errs, "7 records are there twice") {
		t.Errorf("exit code %d, %s%s, %v; want 7 duplicates", code, out, errs, err)
	}
	if out, errs, code := w.run("verify", "--allow-duplicates"); code != 0 {
		t.Errorf("--allow-duplicates: exit code %d, %s%s", code, out, errs)
	}
	for i := range 300 {
		if i%60 == 0 {
			if found := w.must("find", "--json", "key-"+itoa(i)); strings.Count(found, "\n") != 1 {
				t.Errorf("key-%d: got %s, want one line", i, found)
			}
		}
	}
}

func TestFindShowsAKeyOfEachMerchantAndOfEachUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 50)
	w.must("--before", longAgo)
	w.fill(7, 8) // forgotten, and used again
	w.exec(`INSERT INTO idempotency_keys (merchant_id, key_hash, fingerprint, method, path, state, claim_id, completed_at)
		VALUES (md5('other')::uuid, sha256('key-7'), '\x01'::bytea || sha256('x'), 'POST', '/v1/orders', 'expired', gen_random_uuid(), now() - interval '2 years')`)
	w.must("--before", longAgo)
	all := w.must("find", "--json", "key-7")
	lines := strings.Split(strings.TrimSpace(all), "\n")
	if len(lines) != 3 {
		t.Fatalf("got %s, want three records", all)
	}
	first := field(t, lines[0], "merchant_id") // files of one second are in no order
	if strings.Count(all, first) == 1 {
		first = field(t, lines[1], "merchant_id")
	}
	if got := w.must("find", "--json", "--merchant", first, "key-7"); strings.Count(got, "\n") != 2 || strings.Count(got, first) != 2 {
		t.Errorf("got %s, want both uses by %s", got, first)
	}
	if got := field(t, lines[0], "key_sha256"); got != sum("key-7") {
		t.Errorf("got the hash %s", got)
	}
	if text := w.must("find", "key-8"); !strings.Contains(text, `"path": "/v1/payments"`) || !strings.Contains(text, `"sealed": true`) {
		t.Errorf("got %s, want what is known of the key", text)
	}
	for key, says := range map[string]string{"key-51": "nothing of this key", sum("key-7"): "nothing of this key", "": "empty"} {
		if out, errs, code := w.run("find", "--", key); code != 1 || !strings.Contains(errs, says) {
			t.Errorf("%q: exit code %d, %s%s; want 1 and %q", key, code, out, errs, says)
		}
	}
}

// What is not sealed is found, too, and said not to be.
func TestFindReadsWhatAKilledProcessLeftBehind(t *testing.T) {
	t.Parallel()
	w := newWorld(t, smallBatch+5)
	w.killed("tombstones", "kept", 1)
	w.ended()
	if got := w.must("find", "--json", "key-3"); !strings.Contains(got, `"sealed":false`) {
		t.Errorf("got %s, want the record, not sealed", got)
	}
	if out, _, code := w.run("verify"); code != 0 || !strings.Contains(out, "1 files not sealed yet") {
		t.Errorf("exit code %d, %s; want a file that is not sealed", code, out)
	}
	// What counts of it is verified with the database.
	left, err := filepath.Glob(filepath.Join(w.dir, "*.partial"))
	if err != nil || len(left) != 1 {
		t.Fatalf("%v %v", left, err)
	}
	if err := change(left[0], flip(100)); err != nil {
		t.Fatal(err)
	}
	if out, _, code := w.run("verify", "--database"); code != 1 || !strings.Contains(out, "another checksum") {
		t.Errorf("exit code %d, %s; want the harm found", code, out)
	}
	// It is never sealed, and does not keep others from being archived.
	if out, errs, code := w.run("--before", longAgo); code != 0 || !strings.Contains(errs, "can't be sealed") {
		t.Errorf("exit code %d, %s%s; want the harm logged", code, out, errs)
	}
	if n := w.number("SELECT count(*) FROM idempotency_keys"); n != 0 {
		t.Errorf("%d tombstones are left", n)
	}
}

// Another database's folder: its unsealed file is left alone.
func TestAFileOfAnotherDatabaseIsLeftAlone(t *testing.T) {
	t.Parallel()
	other, w := newWorld(t, smallBatch+5), newWorld(t, 10)
	other.killed("tombstones", "kept", 1)
	other.ended()
	w.dir = other.dir
	if _, errs, code := w.run("--before", longAgo); code != 0 || !strings.Contains(errs, "knows nothing of it") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	other.whole("beside another database", smallBatch+5)
	other.killed("tombstones", "", 0)
	other.whole("at the end", smallBatch+5)
	w.whole("the other database", 10)
	if n := w.number("SELECT count(*) FROM idempotency_keys"); n != 0 {
		t.Errorf("%d tombstones of the second database are left", n)
	}
}

func TestKeysThatAreStillRefusedAreNotArchived(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 20)
	w.exec(`UPDATE idempotency_keys SET canceled_at = now() WHERE key_hash = sha256('key-1')`)
	w.exec(`INSERT INTO idempotency_keys (merchant_id, key_hash, fingerprint, method, path, state, claim_id, completed_at)
		VALUES (md5('young')::uuid, sha256('young'), '\x01'::bytea || sha256('x'), 'POST', '/v1/orders', 'expired', gen_random_uuid(), now() - interval '364 days')`)
	if _, errs, code := w.run("--before", "2199-01-01"); code != 2 || !strings.Contains(errs, "IDEMPOTENCY_TOMBSTONE_RETENTION") {
		t.Errorf("exit code %d, %s; want the retention named", code, errs)
	}
	w.must("--before", longAgo)
	if n := w.number("SELECT count(*) FROM idempotency_keys"); n != 1 {
		t.Errorf("%d are left, want the one that is still refused", n)
	}
	if got := w.must("find", "key-1"); !strings.Contains(got, "canceled_at") {
		t.Errorf("got %s, want the time at which it was given up", got)
	}
}
