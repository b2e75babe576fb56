package main

import (
	"context"
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// place is where an edit applies.
type place struct {
	file string
	line int
}

func (p place) String() string { return fmt.Sprintf("%s:%d", p.file, p.line) }

// replacement is an edit whose place is found.
type replacement struct {
	span
	new string
}

// apply returns the broken text of each file that the sabotage edits, and the place of its first edit.
func (s sabotage) apply(root string) (texts map[string]string, at place, err error) {
	from := newSource(root)
	byFile := map[string][]replacement{}
	for i, e := range s.edits {
		where, err := from.find(e)
		if err != nil {
			return nil, place{}, fmt.Errorf("%q: %w", s.name, err)
		}
		if i == 0 {
			at = place{where.file, 1 + strings.Count(from.files[where.file][:where.from], "\n")}
		}
		byFile[where.file] = append(byFile[where.file], replacement{where, e.new})
	}
	texts = map[string]string{}
	for file, all := range byFile {
		if texts[file], err = replaced(from.files[file], all); err != nil {
			return nil, place{}, fmt.Errorf("%q: %s: %w", s.name, file, err)
		}
	}
	if len(s.imports) > 0 {
		texts[at.file] = withImports(texts[at.file], s.imports)
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

// overlay writes the broken texts under dir and returns the file that -overlay takes (`go help build`).
func overlay(root, dir string, texts map[string]string) (string, error) {
	replace := map[string]string{}
	for i, file := range slices.Sorted(maps.Keys(texts)) {
		broken := filepath.Join(dir, fmt.Sprintf("%d-%s", i, filepath.Base(file)))
		if err := os.WriteFile(broken, []byte(texts[file]), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(root, file)] = broken
	}
	content, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, content, 0o600)
}

// withOverlay is the environment in which the go command, and every go command that a test starts, sees the overlay.
func withOverlay(ctx context.Context, overlay string) ([]string, error) {
	flags, err := exec.CommandContext(ctx, "go", "env", "GOFLAGS").Output()
	if err != nil {
		return nil, fmt.Errorf("go env GOFLAGS: %w", err)
	}
	return append(os.Environ(), "GOFLAGS="+strings.TrimSpace(string(flags))+" -overlay="+overlay), nil
}

func moduleRoot(ctx context.Context) (string, error) {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	return strings.TrimSpace(string(root)), nil
}
