package needs

import (
	"fmt"
	"strings"
	"testing"
)

// ended is a test that notes how it was ended.
type ended struct {
	testing.TB

	how string
}

func (e *ended) Helper() {}

func (e *ended) Fatal(args ...any) { e.note("failed: ", args) }

func (e *ended) Skip(args ...any) { e.note("skipped: ", args) }

// note keeps the first end: a real test goes no further.
func (e *ended) note(how string, args []any) {
	if e.how == "" {
		e.how = how + fmt.Sprint(args...)
	}
}

func TestWhatIsMissingSkipsATestAndFailsItInCI(t *testing.T) {
	for ci, want := range map[string]string{"": "skipped: ", "true": "failed: "} {
		t.Setenv("CI", ci)
		e := &ended{TB: t}
		Program(e, "install it", "no-such-program-1", "no-such-program-2")
		if !strings.HasPrefix(e.how, want+"no-such-program-1 is not on the PATH: install it") {
			t.Errorf("CI=%s: got %q, want it %s", ci, e.how, want)
		}
		e = &ended{TB: t}
		Missing(e, "a disk")
		if e.how != want+"a disk" {
			t.Errorf("CI=%s: got %q", ci, e.how)
		}
	}
	if path := Program(t, "it is here", "no-such-program", "go"); !strings.HasSuffix(path, "go") {
		t.Errorf("got %q, want the second program's path", path)
	}
}
