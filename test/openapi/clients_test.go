package openapi

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/payonce/payonce/test/service"
)

// buys runs a client as a merchant of its own against the service of a later release. It has to get what it asks for; what that is stands
// in the client.
func buys(t *testing.T, s *service.Service, program string, args ...string) {
	t.Helper()
	merchant, apiKey := service.Merchant(t, s.Options.DatabaseURL)
	l := laterRelease(t, s)
	out := run(t, ".", []string{"BASE_URL=" + l.URL, "API_KEY=" + apiKey}, program, args...)
	if strings.TrimSpace(out) != "bought" {
		t.Errorf("got %q, want bought", out)
	}
	l.wants(t)
	charged := 0
	for _, charge := range s.Simulator.Charges() {
		if charge.Metadata["merchant_id"] == merchant {
			charged++
		}
	}
	if charged != 1 {
		t.Errorf("got %d charges, want 1", charged)
	}
}

// TestGeneratedClientsBuy lets the clients of all generators buy from one service.
func TestGeneratedClientsBuy(t *testing.T) {
	t.Parallel()
	s := service.Start(t, service.Options{})
	t.Run("TypeScript", func(t *testing.T) { t.Parallel(); typeScriptClients(t, s) })
	t.Run("Go", func(t *testing.T) { t.Parallel(); goClients(t, s) })
}

func typeScriptClients(t *testing.T, s *service.Service) {
	t.Helper()
	node(t)
	folder := workshop(t, "typescript")
	if err := os.Symlink(absolute(t, "node_modules"), filepath.Join(folder, "node_modules")); err != nil {
		t.Fatal(err)
	}
	tool(t, "openapi-typescript", document, "--output", filepath.Join(folder, "fetch", "schema.d.ts"))
	tool(t, "openapi-ts", "--input", document, "--output", filepath.Join(folder, "hey"), "--client", "@hey-api/client-fetch", "--silent")
	if err := os.WriteFile(filepath.Join(folder, "readme.ts"), []byte(readmeBodies(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	tool(t, "tsc", "--project", folder) // the type check, of README's bodies, too
	for _, client := range []string{"openapi-fetch", "hey-api"} {
		t.Run(client, func(t *testing.T) {
			t.Parallel()
			buys(t, s, "node", filepath.Join(folder, "out", client+".js"))
		})
	}
}

var (
	// sent is a command of a page: its path and its body.
	sent = regexp.MustCompile(`(/v1/[\w/$-]+)"?(?:[^\x60\n]|\\\n)*?'(\{(?:[^']|'"\$\w+"')*\})'`)
	// variable is a shell variable in a body.
	variable = regexp.MustCompile(`'"(\$\w+)"'`)
)

// readmeBodies is a TypeScript program in which the bodies of the pages' curl commands have the types that the description gives them.
func readmeBodies(t *testing.T) string {
	t.Helper()
	described := load(t)
	program, n := `import type { components } from "./fetch/schema";`+"\n", 0
	for _, page := range []string{"README.md", "docs/payments.md"} {
		text, err := os.ReadFile("../../" + page)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range sent.FindAllStringSubmatch(string(text), -1) {
			path := regexp.MustCompile(`/\$\w+`).ReplaceAllString(match[1], "/{id}")
			item := described.Paths.Find(path)
			if item == nil || item.Post == nil || item.Post.RequestBody == nil {
				t.Errorf("%s sends a body to %s, which is not described", page, path)
				continue
			}
			schema := filepath.Base(item.Post.RequestBody.Value.Content.Get("application/json").Schema.Ref)
			body := variable.ReplaceAllString(match[2], "$1")
			if !json.Valid([]byte(body)) {
				t.Errorf("%s: not JSON: %s", page, body)
			}
			n++
			program += fmt.Sprintf("export const body%d: components[\"schemas\"][%q] = %s;\n", n, schema, body)
		}
	}
	if n < 8 {
		t.Errorf("got %d bodies from the pages, want 8 at least", n)
	}
	return program
}

// goTools is a folder with the module of golang/.
type goTools struct{ folder string }

// tool runs a tool of golang/go.mod.
func (g goTools) tool(t *testing.T, name string, args ...string) {
	t.Helper()
	run(t, g.folder, nil, "go", append([]string{"tool", name}, args...)...)
}

func goClients(t *testing.T, s *service.Service) {
	t.Helper()
	g := goTools{workshop(t, "golang")}
	described := absolute(t, document)
	for name, generate := range map[string]func(t *testing.T, folder string){
		"oapi-codegen": func(t *testing.T, folder string) {
			t.Helper()
			g.tool(t, "oapi-codegen", "-generate", "types,client", "-package", "api", "-o", filepath.Join(folder, "api.go"), described)
		},
		"ogen": func(t *testing.T, folder string) {
			t.Helper()
			g.tool(t, "ogen", "--target", folder, "--package", "api", "--loglevel", "error", described)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program := strings.TrimSuffix(name, "-codegen")
			folder := filepath.Join(g.folder, program, "api")
			if err := os.Mkdir(folder, 0o700); err != nil {
				t.Fatal(err)
			}
			generate(t, folder)
			for _, arch := range []string{"", "386"} { // where int has 32 bits
				binary := filepath.Join(t.TempDir(), program+arch)
				run(t, g.folder, []string{"GOARCH=" + arch}, "go", "build", "-o", binary, "./"+program)
				t.Run("GOARCH="+arch, func(t *testing.T) {
					t.Parallel()
					buys(t, s, binary)
				})
			}
		})
	}
}
