package postman

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/payonce/payonce/test/needs"
)

// Tests run in their own folder; from every folder below test/ these lead to the same files.
const (
	packages    = "../postman"
	tools       = packages + "/node_modules"
	flows       = "../../docs/postman/payonce.postman_collection.json"
	environment = "../../docs/postman/payonce.postman_environment.json"
)

// Needs skips a test where Node or the packages are missing, but not in CI.
func Needs(t testing.TB) {
	t.Helper()
	needs.NodePackages(t, packages)
}

// answer is what a request of a collection got.
type answer struct {
	id      string
	request string // its name
	status  int
	passed  int      // assertions
	failed  []string // what newman says of the others, and of a request without an answer
}

// report is what newman writes, as far as it is read here.
type report struct {
	Run struct {
		Executions []struct {
			Item       struct{ ID, Name string }
			Response   *struct{ Code int }
			Assertions []struct {
				Error *struct{ Message string }
			}
		}
		Failures []struct {
			Error  struct{ Name, Message string }
			Source struct{ ID, Name string }
		}
		Error *struct{ Message string }
	}
}

// run runs a collection by newman, with values for its variables, and returns what each request got, in order. A request that was left
// out is not in the list.
func run(t testing.TB, collection string, values map[string]string, args ...string) []answer {
	t.Helper()
	Needs(t)
	out := filepath.Join(t.TempDir(), "report.json")
	args = append([]string{"run", collection, "--reporters", "json", "--reporter-json-export", out, "--timeout-request", "30000"}, args...)
	for name, value := range values {
		args = append(args, "--env-var", name+"="+value)
	}
	printed, ended := exec.CommandContext(t.Context(), tools+"/.bin/newman", args...).CombinedOutput() //nolint:gosec // of package-lock.json
	text, err := os.ReadFile(out)                                                                      //nolint:gosec // written by newman
	if err != nil {
		t.Fatalf("newman: %v\n%s", errors.Join(ended, err), printed)
	}
	var got report
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("newman's report: %v", err)
	}
	answers := got.answers()
	if failed := slices.ContainsFunc(answers, func(a answer) bool { return a.failed != nil }); (ended != nil) != failed {
		t.Errorf("newman ended with %v, and its report has failures: %t\n%s", ended, failed, printed)
	}
	return answers
}

// answers lists each request once: those that its scripts send are parts of it.
func (r report) answers() []answer {
	var list []answer
	of := func(id, name string) *answer {
		i := slices.IndexFunc(list, func(a answer) bool { return a.id == id })
		if i < 0 {
			i = len(list)
			list = append(list, answer{id: id, request: name})
		}
		return &list[i]
	}
	for _, e := range r.Run.Executions {
		a := of(e.Item.ID, e.Item.Name)
		if e.Response != nil {
			a.status = e.Response.Code
		}
		a.passed = 0 // requests of the scripts list the same assertions
		for _, assertion := range e.Assertions {
			if assertion.Error == nil {
				a.passed++
			}
		}
	}
	for _, f := range r.Run.Failures { // of assertions, scripts and connections alike
		a := of(f.Source.ID, f.Source.Name)
		a.failed = append(a.failed, f.Error.Name+" "+f.Error.Message)
	}
	return slices.DeleteFunc(list, func(a answer) bool { return a.status == 0 && a.failed == nil })
}

// requests are the names of the requests in a collection's folder and in those below it.
func requests(t testing.TB, file string) (names []string) {
	t.Helper()
	text, err := os.ReadFile(file) //nolint:gosec // of this repository
	if err != nil {
		t.Fatal(err)
	}
	type item struct {
		Name string
		Item []json.RawMessage
	}
	var visit func(text json.RawMessage)
	visit = func(text json.RawMessage) {
		var i item
		if err := json.Unmarshal(text, &i); err != nil {
			t.Fatal(err)
		}
		if i.Item == nil {
			names = append(names, i.Name)
		}
		for _, inner := range i.Item {
			visit(inner)
		}
	}
	visit(text)
	return names
}

// Settings are what a person sets in the environment before the collection runs.
type Settings struct{ BaseURL, APIKey, OtherAPIKey, WebhookURL string }

// Passes runs docs/postman's collection, and fails unless every request was sent, and each got what it asserts. args are newman's.
func Passes(t testing.TB, s Settings, args ...string) {
	t.Helper()
	answers := run(t, flows, map[string]string{
		"base_url": s.BaseURL, "api_key": s.APIKey, "other_api_key": s.OtherAPIKey, "webhook_url": s.WebhookURL,
	}, append([]string{"--environment", environment}, args...)...)
	var sent []string
	assertions := 0
	for _, a := range answers {
		sent = append(sent, a.request)
		assertions += a.passed
		for _, failed := range a.failed {
			t.Errorf("%s: status %d: %s", a.request, a.status, failed)
		}
		if a.passed < 2 { // its status, and what it is about
			t.Errorf("%s: %d assertions passed, want 2 at least", a.request, a.passed)
		}
	}
	if want := requests(t, flows); !slices.Equal(sent, want) {
		t.Errorf("newman sent %d requests: %q\nwant %d: %q", len(sent), sent, len(want), want)
	}
	t.Logf("%d requests, %d assertions", len(sent), assertions)
}
