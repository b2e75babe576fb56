package arrows

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const module = "github.com/payonce/payonce"

// rule is what one package may import beside the standard library and itself.
type rule struct {
	packages  string // of this module, relative to its root
	libraries string // prefixes of import paths
}

const (
	gin  = "github.com/gin-gonic/gin"
	gorm = "gorm.io"
	pgx  = "github.com/jackc/pgx/v5"
	rds  = "github.com/redis/go-redis/v9"
	uuid = "github.com/google/uuid"
)

// anything marks packages that put the others together.
const anything = "*"

// rules has a row per package: a new package needs one before its imports are allowed.
func rules() map[string]rule {
	return map[string]rule{
		// Commands and wiring.
		".":              {anything, gin},
		"internal/app":   {anything, gin + " " + uuid},
		"internal/demo":  {anything, uuid},
		"internal/naive": {"idempotency idempotency/redis provider", ""},

		// HTTP. Handlers read rows through the repository; writes go through the engine.
		"handlers": {
			"internal/cardnumber internal/cursor docs idempotency idempotency/postgres internal/inbox middleware models notifications operations internal/problem provider repository internal/strictjson internal/wire",
			gin + " " + uuid + " github.com/swaggo golang.org/x/net/webdav",
		},
		"middleware": {"idempotency", gin + " " + uuid},
		"internal/demopage": {
			"client/js idempotency idempotency/postgres internal/naive internal/problem middleware provider", gin,
		},
		"internal/problem": {},
		"internal/wire":    {"models", uuid},
		"docs":             {},

		// The rules of payments, and what they stand on.
		"operations": {"idempotency idempotency/postgres models internal/problem provider repository internal/sleep internal/wire", uuid},
		"notifications": {
			"idempotency idempotency/postgres idempotency/seal internal/batches internal/wire models repository", uuid + " code.dny.dev/ssrf",
		},
		"internal/reconcile": {"idempotency idempotency/postgres internal/sleep models provider repository", uuid},
		"internal/inbox":     {"idempotency internal/reconcile models provider repository", uuid},
		"internal/archive":   {"idempotency/postgres internal/wire models repository", uuid},
		"internal/jobs":      {"idempotency internal/sleep models operations repository", ""},
		"provider":           {"internal/safeurl", "github.com/sony/gobreaker/v2"},
		"provider/simulator": {},
		"models":             {"", "github.com/bojanz/currency " + uuid},

		// The engine and its stores.
		"idempotency":           {},
		"idempotency/storetest": {"idempotency", ""},
		"idempotency/seal":      {},
		"idempotency/postgres": {
			"idempotency idempotency/postgres/session", strings.Join([]string{gorm, pgx, uuid}, " "),
		},
		"idempotency/postgres/session": {"internal/safeurl", pgx},
		"idempotency/postgres/schema":  {"idempotency/postgres/session", pgx + "/pgconn"},
		"idempotency/redis":            {"idempotency internal/batches internal/safeurl", rds + " github.com/sony/gobreaker/v2"},
		"idempotency/service":          {"idempotency idempotency/postgres idempotency/redis", ""},

		// The rows of payments.
		"repository":        {"idempotency idempotency/postgres idempotency/postgres/session models", gorm + " " + uuid},
		"migrations":        {"idempotency/postgres/schema idempotency/postgres/session", "github.com/pressly/goose/v3"},
		"internal/embedded": {"internal/sleep internal/logging", pgx + "/pgconn github.com/alicebob/miniredis/v2"},

		// Small tools.
		"internal/batches":    {},
		"internal/cardnumber": {},
		"internal/config":     {"internal/safeurl", "github.com/alecthomas/kong"},
		"internal/cursor":     {},
		"internal/listener":   {"", uuid + " github.com/standard-webhooks/standard-webhooks/libraries/go"},
		"internal/sleep":      {},
		"internal/logging":    {},
		"internal/metrics":    {"idempotency idempotency/redis models notifications operations provider", "github.com/prometheus/client_golang"},
		"internal/safeurl":    {},
		"internal/tracing": {
			"idempotency middleware notifications", uuid + " go.opentelemetry.io google.golang.org/protobuf golang.org/x/net/http/httpguts",
		},
		"internal/strictjson": {"idempotency", "github.com/go-json-experiment/json"},

		// For other programs: it knows payonce only by its API.
		"client":    {},
		"client/js": {},

		// For tests and for what is generated. docs/generate, which writes the API's description, is a module of its own.
		"docs/openapi":          {"", "github.com/getkin/kin-openapi"},
		"docs/postman/generate": {"docs docs/openapi", "github.com/getkin/kin-openapi"},
	}
}

// exempt packages test, measure and show the others and may import anything.
func exempt(path string) bool {
	return strings.HasPrefix(path, "test/") || strings.HasPrefix(path, "bench") || strings.HasPrefix(path, "examples/") || strings.HasPrefix(path, ".ci/")
}

func TestArrowsBetweenPackagesAreKept(t *testing.T) {
	t.Parallel()
	for _, violation := range violations(imports(t), rules()) {
		t.Error(violation)
	}
}

func TestArrowsThatAreBrokenAreFound(t *testing.T) {
	t.Parallel()
	table := map[string]rule{"models": {}, "handlers": {"models", gin}}
	got := violations(map[string][]string{
		"models":   {"strings", module + "/handlers", gin},
		"handlers": {module + "/models", gin + "/binding", "github.com/gin-gonic/ginger"},
		"invented": nil,
	}, table)
	want := []string{
		"handlers imports github.com/gin-gonic/ginger, which its rule does not allow",
		"invented has no rule: add one to the table, and to the diagram in docs/architecture.md",
		"models imports github.com/gin-gonic/gin, which its rule does not allow",
		"models imports handlers, which its rule does not allow",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
}

func TestRulesNameOnlyPackagesThatExist(t *testing.T) {
	t.Parallel()
	present := imports(t)
	for name := range rules() {
		if _, ok := present[name]; !ok {
			t.Errorf("the table has a rule for %s, which does not exist: delete the rule", name)
		}
	}
}

// violations lists, in order, every import that no rule allows.
func violations(imports map[string][]string, table map[string]rule) []string {
	var found []string
	for path, list := range imports {
		if exempt(path) {
			continue
		}
		r, ok := table[path]
		if !ok {
			found = append(found, path+" has no rule: add one to the table, and to the diagram in docs/architecture.md")
			continue
		}
		for _, imported := range list {
			if !r.allows(imported) {
				found = append(found, fmt.Sprintf("%s imports %s, which its rule does not allow", path, strings.TrimPrefix(imported, module+"/")))
			}
		}
	}
	slices.Sort(found)
	return found
}

func (r rule) allows(imported string) bool {
	if own, ok := strings.CutPrefix(imported, module+"/"); ok {
		return r.packages == anything || slices.Contains(strings.Fields(r.packages), own)
	}
	first, _, _ := strings.Cut(imported, "/")
	if !strings.Contains(first, ".") { // the standard library
		return true
	}
	return slices.ContainsFunc(strings.Fields(r.libraries), func(prefix string) bool {
		return imported == prefix || strings.HasPrefix(imported, prefix+"/")
	})
}

// imports asks the Go command for the imports of each package, without those of its tests.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", module+"/...")
	var stderr bytes.Buffer
	list.Stderr = &stderr
	output, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	all := map[string][]string{}
	for decoder := json.NewDecoder(bytes.NewReader(output)); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("read the output of go list: %v", err)
		}
		path := strings.TrimPrefix(p.ImportPath, module+"/")
		if p.ImportPath == module {
			path = "."
		}
		all[path] = p.Imports
	}
}
