package readme

import (
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// What the documents show to other services compiles in a module of its own: nothing in it needs to stand in this one.
func TestTheExamplesCompileInAnotherModule(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		target := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(target, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	absolute, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	write("go.mod", strings.Replace(read(t, "go.mod"), "module github.com/payonce/payonce", "module example.com/outside", 1)+
		fmt.Sprintf("\nrequire github.com/payonce/payonce v0.0.0\n\nreplace github.com/payonce/payonce => %q\n", absolute))
	write("go.sum", read(t, "go.sum"))
	write("shop/shop.go", snippetAsPackage(t))
	for _, file := range []string{"main.go", "courier.go"} {
		write("operation/"+file, read(t, "examples/operation/"+file))
	}
	build := exec.CommandContext(t.Context(), "go", "vet", "./...")
	build.Dir = dir
	build.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
	if output, err := build.CombinedOutput(); err != nil {
		t.Errorf("got %v, want no error:\n%s", err, output)
	}
}

// snippetAsPackage is the README's snippet with the imports that it uses, and with the handler that it leaves out.
func snippetAsPackage(t *testing.T) string {
	t.Helper()
	const example = "middleware/example_test.go"
	snippet := regexp.MustCompile("(?s)```go\n(.*?)```").FindStringSubmatch(read(t, "README.md"))[1]
	file, err := parser.ParseFile(token.NewFileSet(), example, read(t, example), parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	text := "package shop\n\nimport (\n"
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if regexp.MustCompile(`\b` + path.Base(imported) + `\.`).MatchString(snippet) {
			text += "\t" + spec.Path.Value + "\n"
		}
	}
	return text + ")\n\n" + snippet + "\nfunc breakfast(*gin.Context) {}\n\nvar _ = coffeeShop\n"
}

func TestAnOperationOfYourOwnIsShort(t *testing.T) {
	t.Parallel()
	if lines := strings.Count(read(t, "examples/operation/main.go"), "\n"); lines >= 120 {
		t.Errorf("examples/operation/main.go: got %d lines, want less than 120", lines)
	}
}
