package migrations_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payonce/payonce/test/stores"
)

// catalog is a line "table name rule" for each table and each rule of the schema, the rule as the page writes it.
const catalog = `
	SELECT r.relname || ' ' || conname || ' ' || CASE WHEN contype = 'c' THEN 'CHECK'
	       ELSE regexp_replace(pg_get_constraintdef(c.oid), '(REFERENCES \w+)\(', '\1 (') END
	  FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
	 WHERE c.connamespace = 'public'::regnamespace AND contype IN ('p', 'u', 'f', 'c')
	UNION ALL
	SELECT r.relname || ' ' || i.relname || ' UNIQUE ' || substring(pg_get_indexdef(i.oid) FROM 'USING btree (\([^)]*\))') || ' partial'
	  FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class r ON r.oid = x.indrelid
	 WHERE i.relnamespace = 'public'::regnamespace AND x.indisunique AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.oid)
	UNION ALL
	SELECT r.relname || ' ' || tgname || ' trigger' FROM pg_trigger t JOIN pg_class r ON r.oid = t.tgrelid WHERE NOT tgisinternal
	UNION ALL
	SELECT 'idempotency_keys ' || name || ' rule of idempotency_guard' FROM ` + recordRules + `
	UNION ALL
	SELECT tablename || ' is a table' FROM pg_tables WHERE schemaname = 'public'`

func TestDataModelPageIsTheCatalog(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/data-model.md")
	if err != nil {
		t.Fatal(err)
	}
	got := described(string(page))
	want := column[string](t, open(t, stores.Database(t)), catalog)
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("catalog and docs/data-model.md differ (-catalog +page):\n%s", diff)
	}
}

// described reads the page's headings and rows: "### table", and "| `name` | rule | what it holds |".
func described(page string) (lines []string) {
	var table string
	row := regexp.MustCompile("^\\| `(\\w+)` \\| ([^|]+) \\|")
	for line := range strings.Lines(page) {
		if name, ok := strings.CutPrefix(line, "### "); ok {
			table = strings.TrimSpace(name)
			lines = append(lines, table+" is a table")
		}
		if found := row.FindStringSubmatch(line); found != nil {
			lines = append(lines, table+" "+found[1]+" "+strings.NewReplacer("`, ", " ", "`", "").Replace(found[2]))
		}
	}
	return lines
}

// A page that says less than it should is found out: each kind of line can be missed.
func TestDataModelPageIsRead(t *testing.T) {
	t.Parallel()
	got := described("### orders\n\nText.\n\n| name | rule | holds |\n|---|---|---|\n| `orders_pkey` | `PRIMARY KEY (merchant_id, id)` |  |\n" +
		"| `one` | `UNIQUE (a, b)`, partial | x |\n| `arrow` | trigger | y |\n")
	want := []string{"orders is a table", "orders orders_pkey PRIMARY KEY (merchant_id, id)", "orders one UNIQUE (a, b) partial", "orders arrow trigger"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
