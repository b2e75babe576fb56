package postman

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/payonce/payonce/docs"
	"github.com/payonce/payonce/docs/openapi"
	"github.com/payonce/payonce/test/service"
)

// imported is a collection as Postman's importer writes it, with its folders.
type imported map[string]any

// keep leaves only some requests in a folder and in those below it. It reports whether any are left.
func (i imported) keep(wanted func(name string) bool) bool {
	items, isFolder := i["item"].([]any)
	if !isFolder {
		name, _ := i["name"].(string)
		return wanted(name)
	}
	i["item"] = slices.DeleteFunc(items, func(inner any) bool { return !imported(inner.(map[string]any)).keep(wanted) })
	return len(i["item"].([]any)) > 0
}

// A person who imports the description sets its address and an API key. Everything that needs no id of something that was made before
// has to work then, as it stands: that is every operation without a parameter in its path, but paying an order, which names the order
// in its body, and the provider's notification, which only the provider can sign.
func TestDescriptionImportsIntoPostman(t *testing.T) {
	t.Parallel()
	s := start(t)
	described, err := openapi.Load(docs.OpenAPI())
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for path, item := range described.Paths.Map() {
		for _, operation := range item.Operations() {
			needsID := slices.Contains([]string{"createPayment", "receiveProviderWebhook"}, operation.OperationID)
			if !needsID && !strings.Contains(path, "{") {
				want = append(want, operation.Summary)
			}
		}
	}
	_, apiKey := service.Merchant(t, s.Options.DatabaseURL)
	file := convert(t, func(name string) bool { return slices.Contains(want, name) })
	var got []string
	for _, a := range run(t, file, map[string]string{"baseUrl": s.URL(), "bearerToken": apiKey}) {
		got = append(got, a.request)
		if a.status < 200 || a.status > 299 || len(a.failed) > 0 {
			t.Errorf("%s: got %d %q, want 2xx", a.request, a.status, a.failed)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) || len(want) < 13 {
		t.Errorf("the import has the requests %q\nwant %q", got, want)
	}
}

// convert imports the description as Postman does when it takes values from examples and leaves optional parameters out.
func convert(t *testing.T, wanted func(name string) bool) (file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "imported.json")
	cmd := exec.CommandContext(t.Context(), tools+"/.bin/openapi2postmanv2", "-s", "../../docs/openapi.json", "-o", file,
		"-O", "folderStrategy=Tags,parametersResolution=Example,enableOptionalParameters=false")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("openapi2postmanv2: %v\n%s", err, out)
	}
	text, err := os.ReadFile(file) //nolint:gosec // written above
	if err != nil {
		t.Fatal(err)
	}
	var collection imported
	if err := json.Unmarshal(text, &collection); err != nil {
		t.Fatal(err)
	}
	collection.keep(wanted)
	if text, err = json.Marshal(collection); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
