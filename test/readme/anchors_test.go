package readme

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	heading  = regexp.MustCompile(`(?m)^#+ (.+)$`)
	fragment = regexp.MustCompile(`\]\(([^)#:]*)#([^)]+)\)`)
	dropped  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

func TestEveryLinkIntoAPageLeadsToAHeading(t *testing.T) {
	t.Parallel()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".md" {
			return err
		}
		text, err := os.ReadFile(path)
		for _, match := range fragment.FindAllStringSubmatch(fenced.ReplaceAllString(string(text), ""), -1) {
			target := path
			if match[1] != "" {
				target = filepath.Join(filepath.Dir(path), match[1])
			}
			if !anchors(t, target)[match[2]] {
				t.Errorf("%s: no heading of %s has the anchor %s", entry.Name(), target, match[2])
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// anchors are a page's headings as GitHub addresses them: lower case, punctuation dropped, spaces to hyphens.
func anchors(t *testing.T, path string) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	found := map[string]bool{}
	for _, match := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(string(text), ""), -1) {
		name := dropped.ReplaceAllString(strings.ToLower(match[1]), "")
		found[strings.ReplaceAll(name, " ", "-")] = true
	}
	return found
}
