package readme

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/payonce/payonce/config"
)

const root = "../.."

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheSettingsAreTheOnesThatTheServiceReads(t *testing.T) {
	t.Parallel()
	const head = "| variable | default | meaning |\n|---|---|---|\n"
	want := head
	for _, v := range config.Variables() {
		value := v.Default
		if value != "" && !strings.ContainsAny(value, "` ") {
			value = "`" + value + "`"
		}
		want += "| `" + v.Name + "` | " + value + " | " + v.Help + " |\n"
	}
	got := regexp.MustCompile(regexp.QuoteMeta(head) + `(\|.*\n)*`).FindString(read(t, "README.md"))
	if got != want {
		t.Errorf("README.md's table of settings is\n%s\nand should be\n%s", got, want)
	}
}

func TestTheSnippetIsTheExample(t *testing.T) {
	t.Parallel()
	snippets := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(read(t, "README.md"), -1)
	if len(snippets) != 1 {
		t.Fatalf("README.md has %d Go snippets, not 1", len(snippets))
	}
	snippet := snippets[0][1]
	if !strings.Contains(read(t, "middleware/example_test.go"), "\n"+snippet) {
		t.Error("README.md's Go snippet does not stand in middleware/example_test.go")
	}
	if lines := strings.Count(snippet, "\n"); lines >= 30 {
		t.Errorf("protecting a route takes %d lines", lines)
	}
}

var (
	fenced = regexp.MustCompile("(?s)```.*?```")
	link   = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`) // a scheme has a colon: only relative links match
)

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	t.Parallel()
	links := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == ".git":
			return filepath.SkipDir
		case filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		for _, match := range link.FindAllStringSubmatch(fenced.ReplaceAllString(string(text), ""), -1) {
			links++
			leadsSomewhere(t, path, match[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if links == 0 {
		t.Error("no link was found: the test looks for the wrong thing")
	}
}

// leadsSomewhere also refuses links out of the repository: they work in one checkout only.
func leadsSomewhere(t *testing.T, page, target string) {
	t.Helper()
	path := filepath.Join(filepath.Dir(page), target)
	if inside, err := filepath.Rel(root, path); err != nil || strings.HasPrefix(inside, "..") {
		t.Errorf("%s links to %s, outside the repository", page, target)
	}
	if _, err := os.Stat(path); err != nil {
		t.Errorf("%s: %v", page, err)
	}
}

// Every test that the guarantees name exists.
func TestTheGuaranteesNameTestsThatExist(t *testing.T) {
	t.Parallel()
	defined := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, match := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(text), -1) {
			defined[match[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(read(t, "docs/guarantees.md"), -1) {
		if !defined[name[1]] {
			t.Errorf("docs/guarantees.md names %s, which does not exist", name[1])
		}
	}
}
