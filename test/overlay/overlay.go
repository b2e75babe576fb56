// Package overlay builds payonce with some of its text replaced, by the go command's -overlay: no file is changed. The tests of the tests
// (test/sabotage) break it so, and the benchmark leaves protections out.
package overlay

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Edit replaces a text that occurs exactly once where the edit applies.
//
// A place in Go is named by its declaration, whatever file that stands in: package.Name or package.Type.Method. The package
// is in the folder of its name, or in the one that [folders] has for it. Comments are not looked at, so that they may change.
// A place in SQL is named by its file.
type Edit struct{ At, Old, New string }

// folders are where packages are that edits name, when it isn't the folder of that name at the top.
func folders() map[string]string {
	return map[string]string{
		"app":      "internal/app",
		"archive":  "internal/archive",
		"postgres": "idempotency/postgres",
		"problem":  "internal/problem",
		"redis":    "idempotency/redis",
		"safeurl":  "internal/safeurl",
		"wire":     "internal/wire",
		"session":  "idempotency/postgres/session",
	}
}

// symbol is the declaration that the edit is in; ok is false when it names a file.
func (e Edit) symbol() (name string, ok bool) {
	if ext := path.Ext(e.At); ext == ".go" || ext == ".sql" {
		return "", false
	}
	_, name, ok = strings.Cut(e.At, ".")
	return name, ok
}

// folder is where the edit's package is.
func (e Edit) folder() string {
	name, _, _ := strings.Cut(e.At, ".")
	return cmp.Or(folders()[name], name)
}

// Place is where an edit applies.
type Place struct {
	File string // below the module's root
	Line int
}

func (p Place) String() string { return fmt.Sprintf("%s:%d", p.File, p.Line) }

// replacement is an edit whose place is found.
type replacement struct {
	span
	new string
}

// Apply returns the new text of each file that the edits change, and the place of the first one. imports are packages that the first
// one needs besides its file's own. An edit whose old text isn't there exactly once is an error that names its place.
func Apply(root string, edits []Edit, imports []string) (texts map[string]string, at Place, err error) {
	from := newSource(root)
	byFile := map[string][]replacement{}
	for i, e := range edits {
		where, err := from.find(e)
		if err != nil {
			return nil, Place{}, err
		}
		if i == 0 {
			at = Place{where.file, 1 + strings.Count(from.files[where.file][:where.from], "\n")}
		}
		byFile[where.file] = append(byFile[where.file], replacement{where, e.New})
	}
	texts = map[string]string{}
	for file, all := range byFile {
		if texts[file], err = replaced(from.files[file], all); err != nil {
			return nil, Place{}, fmt.Errorf("%s: %w", file, err)
		}
	}
	if len(imports) > 0 {
		texts[at.File] = withImports(texts[at.File], imports)
	}
	return texts, at, nil
}

// replaced makes all replacements in a text, the last one first: so the others stay where they were found.
func replaced(original string, all []replacement) (string, error) {
	slices.SortFunc(all, func(a, b replacement) int { return b.from - a.from })
	text, rest := original, len(original)
	for _, r := range all {
		if r.to > rest {
			return "", fmt.Errorf("two edits overlap: %s", original[r.from:r.to])
		}
		text, rest = text[:r.from]+r.new+text[r.to:], r.from
	}
	return text, nil
}

// withImports imports more packages behind a file's package clause.
func withImports(text string, paths []string) string {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "", text, parser.ImportsOnly)
	if err != nil {
		return text // the compiler says why
	}
	for _, has := range file.Imports {
		paths = slices.DeleteFunc(slices.Clone(paths), func(path string) bool { return strconv.Quote(path) == has.Path.Value })
	}
	behind := set.Position(file.Name.End()).Offset
	for _, path := range paths {
		text = text[:behind] + "\n\nimport " + strconv.Quote(path) + text[behind:]
	}
	return text
}

// Write writes the new texts under dir and returns the file that -overlay takes (`go help build`).
func Write(root, dir string, texts map[string]string) (string, error) {
	replace := map[string]string{}
	for i, file := range slices.Sorted(maps.Keys(texts)) {
		changed := filepath.Join(dir, fmt.Sprintf("%d-%s", i, filepath.Base(file)))
		if err := os.WriteFile(changed, []byte(texts[file]), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(root, file)] = changed
	}
	content, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, content, 0o600)
}

// Environ is the environment in which the go command, and every go command that a test starts, sees the overlay.
func Environ(ctx context.Context, file string) ([]string, error) {
	flags, err := exec.CommandContext(ctx, "go", "env", "GOFLAGS").Output()
	if err != nil {
		return nil, fmt.Errorf("go env GOFLAGS: %w", err)
	}
	return append(os.Environ(), "GOFLAGS="+strings.TrimSpace(string(flags))+" -overlay="+file), nil
}

// ModuleRoot is the folder of this module.
func ModuleRoot(ctx context.Context) (string, error) {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	return strings.TrimSpace(string(root)), nil
}
