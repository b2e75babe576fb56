package openapi

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/payonce/payonce/docs"
)

func TestSpectralFindsNothing(t *testing.T) {
	t.Parallel()
	node(t)
	tool(t, "spectral", "lint", document, "--ruleset", "lint/spectral.yaml", "--fail-severity", "hint")
}

func TestRedoclyFindsNothing(t *testing.T) {
	t.Parallel()
	node(t)
	tool(t, "redocly", "lint", document, "--config", "lint/redocly.yaml")
}

// docs/generate is a module of its own, which go test ./... of the service does not reach.
func TestDescriptionIsFresh(t *testing.T) {
	t.Parallel()
	run(t, "../../docs/generate", nil, "go", "test", "-count=1", ".")
}

// What makes the description is not linked into the service; swag itself is, as the stand-in in docs/swag.
func TestServiceIsBuiltWithoutTheGenerator(t *testing.T) {
	t.Parallel()
	for dependency := range strings.FieldsSeq(run(t, "../..", nil, "go", "list", "-deps", ".")) {
		for _, unwanted := range []string{"golang.org/x/tools", "github.com/go-openapi", "github.com/getkin", "github.com/KyleBanks"} {
			if strings.HasPrefix(dependency, unwanted) {
				t.Errorf("the service is built with %s", dependency)
			}
		}
	}
}

// The files of Swagger UI in docs/ are those of the release that package-lock.json names.
func TestSwaggerUIIsTheReleaseThatIsPinned(t *testing.T) {
	t.Parallel()
	node(t)
	entries, err := fs.ReadDir(docs.SwaggerUI, "swagger")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.Name() == "swagger-initializer.js" || entry.Name() == "index.css" { // ours
			continue
		}
		want, err := os.ReadFile(filepath.Join("node_modules", "swagger-ui-dist", entry.Name()))
		if err != nil {
			t.Error(err)
		}
		if got, err := docs.SwaggerUI.ReadFile("swagger/" + entry.Name()); err != nil || !bytes.Equal(got, want) {
			t.Errorf("docs/swagger/%s is not that of swagger-ui-dist: %v", entry.Name(), err)
		}
	}
}
