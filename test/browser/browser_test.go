package browser

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/payonce/payonce/test/needs"
	"github.com/payonce/payonce/test/service"
)

func TestMain(m *testing.M) { os.Exit(service.Main(m)) }

// result is what run.mjs says of a check.
type result struct {
	Name   string `json:"name"`
	Failed string `json:"failed"`
	MS     int    `json:"ms"`
}

func TestTheDemoPageInABrowser(t *testing.T) {
	t.Parallel()
	chromium := tools(t)
	payonce := service.RunProgram(t, "DATA_DIR="+filepath.Join(t.TempDir(), "data"))
	inBrowser(t, "demo.mjs", payonce.URL(), checks(t), "CHROMIUM="+chromium)
}

// inBrowser makes the checks of a file against a service; there must be want of them.
func inBrowser(t *testing.T, file, url string, want int, env ...string) {
	t.Helper()
	run := exec.CommandContext(t.Context(), "node", "run.mjs", file, url)
	run.Env = append(os.Environ(), env...)
	run.WaitDelay = 10 * time.Second
	var errors bytes.Buffer
	run.Stderr = &errors
	out, err := run.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	done := 0
	for lines := bufio.NewScanner(out); lines.Scan(); done++ {
		var r result
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		t.Run(r.Name, func(t *testing.T) {
			t.Logf("%d ms", r.MS)
			if r.Failed != "" {
				t.Error(r.Failed)
			}
		})
	}
	if err := run.Wait(); err != nil {
		t.Fatalf("the checks ended with %v\n%s", err, errors.String())
	}
	if done != want {
		t.Errorf("%d checks were made, want %d\n%s", done, want, errors.String())
	}
}

// checks counts the checks of demo.mjs by their text, so that none is lost without a sound: those that are written out, and two
// more for each combination of width and scheme.
func checks(t *testing.T) int {
	t.Helper()
	script, err := os.ReadFile("demo.mjs")
	if err != nil {
		t.Fatal(err)
	}
	const combinations = 4
	return len(regexp.MustCompile(`(?m)^  '`).FindAll(script, -1)) + len(regexp.MustCompile("(?m)^    \\[`").FindAll(script, -1))*combinations
}

// tools finds Chromium, and needs Node with its packages.
func tools(t *testing.T) (chromium string) {
	t.Helper()
	needs.NodePackages(t, ".")
	return needs.Program(t, "install Debian's package chromium", "chromium", "chromium-browser", "google-chrome")
}
