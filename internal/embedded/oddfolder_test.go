//go:build unix

package embedded_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/payonce/payonce/internal/embedded"
)

// oddNames are names of folders that some parser on the way from DATA_DIR to a
// connection would read as something else.
func oddNames() map[string]string {
	return map[string]string{
		"space": "my data", "two spaces": " a  b ", "comma": "a,b", "apostrophe": "it's", "quotes": `say "hello"`, "percent": "100%",
		"percent code": "%41%2F%zz", "hash": "a#b", "question mark": "a?b=c", "ampersand": "a&b&host=x", "equals": "host=x", "semicolon": "a;b",
		"plus": "a+b", "dollar": "$HOME", "backslash": `a\b\`, "tab": "a\tb", "not ASCII": "Zürich 日本", "not UTF-8": "a\xffb",
		"dash": "-D", "tilde": "~", "star": "*", "braces": "{a}[b](c)", "at": "user@host", "colon": "a:b", "backquote": "`a`",
		"application support": "Library/Application Support/payonce", "long": strings.Repeat("long name ", 15),
	}
}

// The settings save time and don't touch what is tried: paths.
func hasty(dir string) embedded.PostgresConfig {
	return embedded.PostgresConfig{Dir: dir, Settings: map[string]string{"fsync": "off"}}
}

// everyOddity is one name with all of that in it.
const everyOddity = " it's \"a\", 100%41#x?y=z&b;c+d $HOME \\\t日本 \xff -*{[(@:~`id` "

func TestADataFolderMayHaveAnyName(t *testing.T) {
	t.Parallel()
	base := filepath.Dir(dataFolder(t))
	dir := filepath.Join(base, everyOddity) // where initdb works as well
	worksIn(t, dir)
	// One cluster for all: to make it is most of the cost.
	for what, name := range oddNames() {
		t.Run(what, func(t *testing.T) {
			next := filepath.Join(base, name)
			if err := os.MkdirAll(filepath.Dir(next), 0o711); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(dir, next); err != nil {
				t.Fatal(err)
			}
			dir = next
			worksIn(t, dir)
		})
	}
}

// worksIn starts both stores in a folder, connects to them and stops them.
func worksIn(t *testing.T, dir string) {
	t.Helper()
	pg, err := embedded.StartPostgres(t.Context(), hasty(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, pg)
	url, err := attach(t, dir)
	if err != nil || url != pg.URL() {
		t.Fatalf("attached to %s, %v, want %s", url, err, pg.URL())
	}
	if got := query(t, url, "SELECT 'it answers'"); got == "" {
		t.Error("no answer")
	}
	redis, client := startRedis(t, embedded.RedisConfig{Dir: filepath.Join(dir, "redis")})
	if err := client.Ping(t.Context()).Err(); err != nil || strings.Contains(redis.Source(), "did not start") {
		t.Errorf("Redis: got %v, %s", err, redis.Source())
	}
}

func TestARelativeOrSymlinkedDataFolderWorks(t *testing.T) {
	dir := dataFolder(t)
	if err := os.MkdirAll(filepath.Join(dir, "real folder"), 0o711); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("real folder", filepath.Join(dir, "a link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	for _, name := range []string{"relative data", "./dotted/", "../data/up", "-leading", "a link", "a link/inside"} {
		pg := start(t, hasty(name))
		if url, err := attach(t, name); err != nil || url != pg.URL() {
			t.Errorf("%s: attached to %s, %v, want %s", name, url, err, pg.URL())
		}
		stop(t, pg)
	}
}

func TestATemporaryFolderMayHaveAnyName(t *testing.T) {
	for what, name := range oddNames() {
		t.Run(what, func(t *testing.T) {
			dir := dataFolder(t)
			temporary := filepath.Join(filepath.Dir(dir), name)
			if err := os.MkdirAll(temporary, 0o755); err != nil {
				t.Fatal(err)
			}
			t.Setenv("TMPDIR", temporary)
			// A long path needs the temporary folder for its socket; Redis asks for nothing of PostgreSQL.
			_, client := startRedis(t, embedded.RedisConfig{Dir: filepath.Join(dir, strings.Repeat("long/", 25))})
			if err := client.Ping(t.Context()).Err(); err != nil {
				t.Error(err)
			}
		})
	}
	dir := filepath.Join(dataFolder(t), "my data")
	t.Setenv("TMPDIR", "relative and missing")
	start(t, hasty(dir))
}

func TestADataFolderThatWillNotDoIsRefusedInOneSentence(t *testing.T) {
	t.Parallel()
	base := filepath.Dir(dataFolder(t))
	file := filepath.Join(base, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ dir, says string }{
		{"", "DATA_DIR is empty"},
		{"/", "DATA_DIR is /"},
		{base + "/a\nb", "line break"},
		{base + "/a\x1b[31mb", "control character"},
		{file, file + " is a file"},
		{file + "/below", "can't be made by user"},
		{"/proc/payonce", "can't be made by user"},
	} {
		_, err := embedded.StartPostgres(t.Context(), embedded.PostgresConfig{Dir: c.dir})
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "set DATA_DIR to") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: got %v, want one line with %q and what to do", c.dir, err, c.says)
		}
	}
}
