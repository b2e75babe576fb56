package readme

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var named = regexp.MustCompile("`(Test\\w+)`")

func TestNamedTestsExist(t *testing.T) {
	t.Parallel()
	defined := map[string]bool{}
	for _, file := range files(t, "_test.go") {
		for _, match := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(read(t, file), -1) {
			defined[match[1]] = true
		}
	}
	for _, page := range pages(t) {
		for _, name := range named.FindAllStringSubmatch(prose(t, page), -1) {
			if !defined[name[1]] {
				t.Errorf("%s names %s, which does not exist", page, name[1])
			}
		}
	}
}

var (
	makes    = regexp.MustCompile("(?m)(?:`|^)make ([a-z]+)")
	packages = regexp.MustCompile(`\bgo (?:test|run|vet) (?:-\S+ (?:\d+ )?)*(\./[\w./{},]+)`)
)

func TestNamedCommandsExist(t *testing.T) {
	t.Parallel()
	makefile, seen := read(t, "Makefile"), 0
	for _, page := range pages(t) {
		text := read(t, page)
		for _, match := range makes.FindAllStringSubmatch(text, -1) {
			if seen++; !regexp.MustCompile(`(?m)^` + match[1] + `:`).MatchString(makefile) {
				t.Errorf("%s names make %s, which the Makefile doesn't have", page, match[1])
			}
		}
		for _, match := range packages.FindAllStringSubmatch(text, -1) {
			folder := strings.TrimSuffix(match[1], "/...")
			if seen++; strings.ContainsAny(folder, "{") || folder == "./PACKAGE" {
				continue
			}
			if _, err := os.Stat(filepath.Join(root, folder)); err != nil {
				t.Errorf("%s names %s: %v", page, match[0], err)
			}
		}
	}
	if seen < 50 {
		t.Errorf("got %d commands, want at least 50: they are looked for in the wrong form", seen)
	}
}

func TestTheTreeNamesEveryFolder(t *testing.T) {
	t.Parallel()
	page := read(t, "docs/architecture.md")
	_, tree, found := strings.Cut(page, "## The tree\n\n```\n")
	if !found {
		t.Fatal("docs/architecture.md has no tree")
	}
	tree, _, _ = strings.Cut(tree, "```")
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if name := entry.Name(); entry.IsDir() && name[0] != '.' && name != "bin" && !strings.Contains("\n"+tree, "\n"+name+"/") {
			t.Errorf("the tree in docs/architecture.md has no line for %s/", name)
		}
	}
	for _, match := range regexp.MustCompile(`(?m)^([\w.]+)/? `).FindAllStringSubmatch(tree, -1) {
		if _, err := os.Stat(filepath.Join(root, match[1])); err != nil {
			t.Errorf("the tree in docs/architecture.md: %v", err)
		}
	}
}

func TestTheMapOfTheTestsNamesEveryFolder(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(filepath.Join(root, "test"))
	if err != nil {
		t.Fatal(err)
	}
	tests := read(t, "test/README.md")
	for _, entry := range entries {
		if link := "[" + entry.Name() + "](" + entry.Name() + ")"; entry.IsDir() && !strings.Contains(tests, link) {
			t.Errorf("test/README.md has no row with %s", link)
		}
	}
}
