package readme

import (
	"regexp"
	"strings"
	"testing"
)

// mostWords is what a reader takes in before deciding whether to go on; the rest has pages of its own.
const mostWords = 2300

func TestTheFrontPageIsShort(t *testing.T) {
	t.Parallel()
	if words := len(strings.Fields(read(t, "README.md"))); words > mostWords {
		t.Errorf("got %d words, want %d at most", words, mostWords)
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
	if lines := strings.Count(read(t, "examples/operation/main.go"), "\n"); lines >= 120 {
		t.Errorf("an operation of one's own takes %d lines, want less than 120", lines)
	}
}
