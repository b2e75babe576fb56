package readme

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// link is what a page refers to: a path in the repository ("" is the page itself), and a heading in it.
type link struct{ path, anchor string }

var (
	destination = regexp.MustCompile(`(?:\]\(<?|(?:src|srcset|href)=")([^()\s>"]+)`)
	blob        = "https://github.com/payonce/payonce/blob/main/"
	code        = regexp.MustCompile("`[^`\n]+`")
)

// links are a page's relative links, images included, and those into this repository on GitHub.
func links(page, text string) (found []link) {
	for _, match := range destination.FindAllStringSubmatch(code.ReplaceAllString(text, "`"), -1) {
		target, anchor, _ := strings.Cut(match[1], "#")
		switch {
		case strings.HasPrefix(target, blob):
			target = strings.TrimPrefix(target, blob)
		case strings.Contains(target, ":"): // another site's
			continue
		case target != "":
			target = path.Join(path.Dir(page), target)
		}
		found = append(found, link{target, anchor})
	}
	return found
}

func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	for _, page := range pages(t) {
		for _, l := range links(page, prose(t, page)) {
			target := l.path
			if target == "" {
				target = page
			}
			if strings.HasPrefix(target, "../") {
				t.Errorf("%s links to %s, outside the repository: that works in one checkout only", page, target)
				continue
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s links to %s: %v", page, target, err)
				continue
			}
			if l.anchor != "" && path.Ext(target) == ".md" && !slices.Contains(anchors(prose(t, target)), l.anchor) {
				t.Errorf("%s links to %s#%s: no heading has that anchor", page, target, l.anchor)
			}
		}
	}
}

// Readers find a page only by links, so each page needs one.
func TestPagesAreReachedFromTheFrontPage(t *testing.T) {
	t.Parallel()
	reached := map[string]bool{"README.md": true}
	for open := []string{"README.md"}; len(open) > 0; open = open[1:] {
		for _, l := range links(open[0], prose(t, open[0])) {
			if path.Ext(l.path) == ".md" && !reached[l.path] {
				if _, err := os.Stat(filepath.Join(root, l.path)); err != nil {
					continue // TestLinksLeadSomewhere says so
				}
				reached[l.path] = true
				open = append(open, l.path)
			}
		}
	}
	for _, page := range pages(t) {
		if beside := strings.HasPrefix(page, "test/") && page != "test/README.md"; !reached[page] && !beside { // a note beside a test's files
			t.Errorf("no page leads to %s", page)
		}
	}
}

// The rendered pages have a menu; what is missing there is found by the search alone.
func TestTheMenuHasEveryPage(t *testing.T) {
	t.Parallel()
	menu := read(t, "tools/docs/.vitepress/config.mjs")
	for _, page := range pages(t) {
		name := "'/" + strings.TrimSuffix(page, ".md") + "'"
		if path.Dir(page) == "docs" && page != "docs/README.md" && !strings.Contains(menu, name) {
			t.Errorf("the menu in tools/docs has no %s", name)
		}
	}
}

var (
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	dropped = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors are a page's headings as GitHub addresses them: lower case, punctuation dropped, spaces to hyphens, and a number behind the
// second of a name. tools/docs makes the same of them.
func anchors(text string) (found []string) {
	times := map[string]int{}
	for _, match := range heading.FindAllStringSubmatch(text, -1) {
		name := strings.ReplaceAll(dropped.ReplaceAllString(strings.ToLower(match[1]), ""), " ", "-")
		if times[name]++; times[name] > 1 {
			name += "-" + string(rune('0'+times[name]-1))
		}
		found = append(found, name)
	}
	return found
}

// The tests above read pages with these: what they don't see they can't find broken.
func TestLinksAndAnchorsAreRead(t *testing.T) {
	t.Parallel()
	got := links("docs/a.md", `<img alt="i" src="images/i.png">`+"[b](b.md) ![c](images/c.png) [top](#top) [up](../README.md#try-it) [far](https://example.com/x.md) "+
		"[here]("+blob+"docs/d.md#e) `[no](link.md)` [code `x](y)` in it](f.go)")
	want := []link{{"docs/images/i.png", ""}, {"docs/b.md", ""}, {"docs/images/c.png", ""}, {"", "top"}, {"README.md", "try-it"}, {"docs/d.md", "e"}, {"docs/f.go", ""}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := anchors("# A page\n## What's `new`?\n### A page\n"), []string{"a-page", "whats-new", "a-page-1"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
