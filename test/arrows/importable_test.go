package arrows

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// importable are the packages that other services import, with what each of them brings along: packages of this module,
// and the modules of others; "" where only the standard library may be used, "*" where the framework decides.
func importable() map[string]rule {
	const driver = "github.com/jackc/pgpassfile github.com/jackc/pgservicefile github.com/jackc/pgx/v5 github.com/jackc/puddle/v2 " +
		"golang.org/x/sync golang.org/x/text "
	const orm = "github.com/google/uuid github.com/jinzhu/inflection github.com/jinzhu/now gorm.io/driver/postgres gorm.io/gorm "
	const client = "github.com/cespare/xxhash/v2 github.com/redis/go-redis/v9 github.com/sony/gobreaker/v2 go.uber.org/atomic golang.org/x/sys "
	return map[string]rule{
		"idempotency":                 {"idempotency", ""},
		"idempotency/storetest":       {"idempotency idempotency/storetest", ""},
		"idempotency/seal":            {"idempotency/seal", ""},
		"idempotency/postgres":        {"idempotency idempotency/postgres idempotency/postgres/session internal/safeurl", driver + orm},
		"idempotency/postgres/schema": {"idempotency/postgres/schema idempotency/postgres/session internal/safeurl", driver},
		"idempotency/redis":           {"idempotency idempotency/redis internal/batches internal/safeurl", client},
		"idempotency/service": {
			"idempotency idempotency/postgres idempotency/postgres/session idempotency/redis idempotency/service internal/batches internal/safeurl",
			driver + orm + client,
		},
		"middleware": {"idempotency middleware", anything},
		"client":     {"client", ""},
	}
}

func TestImportablePackagesBringNoMoreAlongThanIsListed(t *testing.T) {
	t.Parallel()
	for name, want := range importable() {
		got := brings(t, name)
		if want.libraries == anything {
			for _, lib := range strings.Fields(got.libraries) {
				if strings.HasPrefix(lib, gorm) || strings.HasPrefix(lib, "github.com/jackc/") || strings.HasPrefix(lib, "github.com/redis/") {
					t.Errorf("%s brings %s along; want no store", name, lib)
				}
			}
			got.libraries = anything
		}
		if diff := cmp.Diff(sorted(want), sorted(got), cmp.AllowUnexported(rule{})); diff != "" {
			t.Errorf("%s brings along (-want +got):\n%s", name, diff)
		}
	}
}

func sorted(r rule) [2][]string {
	packages, libraries := strings.Fields(r.packages), strings.Fields(r.libraries)
	slices.Sort(packages)
	slices.Sort(libraries)
	return [2][]string{packages, libraries}
}

// brings asks the Go command for all that a package depends on, directly or not.
func brings(t *testing.T, name string) (all rule) {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f",
		"{{with .Module}}{{.Path}} {{$.ImportPath}}{{end}}", module+"/"+name).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(output)) {
		words := strings.Fields(line)
		switch {
		case len(words) != 2 || seen[words[0]] && words[0] != module:
		case words[0] == module:
			all.packages += " " + strings.TrimPrefix(words[1], module+"/")
		default:
			seen[words[0]] = true
			all.libraries += " " + words[0]
		}
	}
	return all
}
