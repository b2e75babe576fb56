package readme

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
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

// files are those of the repository whose name ends so, by their path from its root.
func files(t *testing.T, suffix string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{".git", "node_modules", "testdata"}, entry.Name()):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(path, suffix):
			return nil
		}
		file, err := filepath.Rel(root, path)
		paths = append(paths, file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// pages are all documents.
func pages(t *testing.T) []string {
	t.Helper()
	return files(t, ".md")
}

var fenced = regexp.MustCompile("(?ms)^ *```.*?\n *```$")

// prose is a page without its code blocks.
func prose(t *testing.T, page string) string {
	t.Helper()
	return fenced.ReplaceAllString(read(t, page), "")
}
