package clients

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/payonce/payonce/test/apicheck"
	"github.com/payonce/payonce/test/check"
)

// line is what testdata/shop.mjs prints: a request, a purchase that was made, or one that was not.
type line struct {
	Method, Path, Key, Request, Body, Error string
	Sent, Answered                          check.Time
	Status                                  int
	Headers                                 map[string]string
	Bought, Failed                          int
	Reloads                                 int64
	Why                                     string
}

// shopInJavaScript makes n purchases with the JavaScript client, in a process of its own, and returns how often a page was reloaded.
func (w *world) shopInJavaScript(n int, _ uint64) (reloads int64) {
	settings, err := json.Marshal(map[string]any{"base": w.door.URL(), "apiKey": w.apiKey, "purchases": n, "workers": workers})
	w.must(err)
	node := exec.CommandContext(w.t.Context(), "node", "testdata/shop.mjs", string(settings))
	out, err := node.StdoutPipe()
	w.must(err)
	stderr := &tail{}
	node.Stderr = stderr
	w.must(node.Start())
	bought := 0
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			w.t.Errorf("read %s: %v", lines.Text(), err)
		}
		switch {
		case l.Bought > 0:
			bought, reloads = bought+1, reloads+l.Reloads
		case l.Failed > 0:
			w.t.Errorf("%s: %s", purchase("javascript", l.Failed), l.Why)
		default:
			w.record(w.event(l))
		}
	}
	if err := node.Wait(); err != nil || lines.Err() != nil || bought != n {
		w.t.Errorf("%d of %d purchases in JavaScript; %v, %v\n%s", bought, n, err, lines.Err(), stderr.text)
	}
	return reloads
}

func (w *world) event(l line) check.Event {
	header := http.Header{}
	for name, value := range l.Headers {
		header.Set(name, value)
	}
	e := check.Event{
		Merchant: w.merchant, Key: l.Key, Method: l.Method, Path: l.Path, Request: check.RequestOf(l.Method, l.Path, l.Request),
		Sent: l.Sent, Answered: l.Answered, Status: l.Status, Body: l.Body, Header: replayed(header),
		Replayed: header.Get("Idempotent-Replayed") == "true", Error: l.Error,
	}
	if l.Status != 0 {
		if wrong := apicheck.Response(l.Method, l.Path, l.Status, header, []byte(l.Body)); wrong != nil {
			e.Error = wrong.Error()
		}
	}
	return e
}

// tail keeps the end of what a process writes.
type tail struct{ text []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	t.text = t.text[max(0, len(t.text)-4000):]
	return len(p), nil
}

func TestTheJavaScriptClientPassesItsTests(t *testing.T) {
	t.Parallel()
	needsPrograms(t, "node")
	node := exec.CommandContext(t.Context(), "node", "--test")
	node.Dir = "../../client/js"
	if output, err := node.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}

func TestTheJavaScriptClientIsBundledForBrowsers(t *testing.T) {
	t.Parallel()
	folder := built.node(t)
	page, bundle := filepath.Join(folder, "page.js"), filepath.Join(folder, "bundle.js")
	// A key is drawn, and kept, before fetch is called.
	write(t, page, `import { CheckoutAttempt } from "payonce";
const attempt = new CheckoutAttempt({ name: "basket-1", url: "https://shop.example/pay", attempts: 1, fetch: () => Promise.reject(new Error("lost")) });
attempt.submit({}).catch(() => console.log(attempt.key));
`)
	for _, format := range []string{"iife", "cjs", "esm"} {
		esbuild := exec.CommandContext(t.Context(), "node", filepath.Join(folder, "node_modules", "esbuild", "bin", "esbuild"), page,
			"--bundle", "--platform=browser", "--format="+format, "--log-level=warning", "--outfile="+bundle)
		if output, err := esbuild.CombinedOutput(); err != nil || len(output) > 0 {
			t.Errorf("esbuild --format=%s: %v, want no error and no warning\n%s", format, err, output)
			continue
		}
		output, err := exec.CommandContext(t.Context(), "node", bundle).CombinedOutput()
		if key := strings.TrimSpace(string(output)); err != nil || len(key) != 32 {
			t.Errorf("the bundle %s: got %v and %q, want the 32 characters of a key", format, err, key)
		}
	}
}
