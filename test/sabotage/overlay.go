package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// place is where an edit applies.
type place struct {
	file string
	line int
}

func (p place) String() string { return fmt.Sprintf("%s:%d", p.file, p.line) }

// apply returns the broken text of each file that the sabotage edits, and the place of its first edit. It is an error
// when a text isn't there exactly once: the source has moved on and the table has to follow.
func (s sabotage) apply(root string) (texts map[string]string, at place, err error) {
	sources, texts := map[string]string{}, map[string]string{}
	for i, e := range s.edits {
		if _, read := sources[e.file]; !read {
			content, err := os.ReadFile(filepath.Join(root, e.file))
			if err != nil {
				return nil, place{}, fmt.Errorf("%q: %w", s.name, err)
			}
			sources[e.file], texts[e.file] = string(content), string(content)
		}
		if n := strings.Count(sources[e.file], e.old); n != 1 {
			return nil, place{}, fmt.Errorf("%q: %s holds %d times, not once: %s", s.name, e.file, n, e.old)
		}
		if i == 0 {
			before, _, _ := strings.Cut(sources[e.file], e.old)
			at = place{e.file, 1 + strings.Count(before, "\n")}
		}
		texts[e.file] = strings.Replace(texts[e.file], e.old, e.new, 1)
	}
	return texts, at, nil
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
