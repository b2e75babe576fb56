package migrations_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"gorm.io/gorm/schema"

	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/test/stores"
)

func tables() []any {
	return []any{
		models.Currency{},
		models.Merchant{},
		models.APIKey{},
		models.IdempotencyKey{},
		models.Order{},
		models.Payment{},
		models.PaymentTransition{},
		models.Capture{},
		models.Refund{},
		models.Void{},
		models.ProviderAttempt{},
		models.Undo{},
		models.Discrepancy{},
		models.LedgerAccount{},
		models.LedgerEntry{},
		models.LedgerPosting{},
		models.Event{},
		models.WebhookEndpoint{},
		models.WebhookDelivery{},
		models.EventLog{},
		models.ProviderEvent{},
		models.ArchiveFile{},
		models.ArchivePosition{},
	}
}

func TestModelsAndMigrationsAgreeInBothDirections(t *testing.T) {
	t.Parallel()
	db := open(t, stores.Database(t))
	got := column[string](t, db, `
		SELECT concat_ws(' ', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
		       CASE WHEN a.attnotnull THEN 'required' ELSE 'nullable' END,
		       CASE WHEN a.attnum = ANY (p.conkey) THEN 'key' END,
		       CASE WHEN a.attgenerated <> '' THEN 'generated' END)
		  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
		  LEFT JOIN pg_constraint p ON p.conrelid = c.oid AND p.contype = 'p'
		 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname NOT LIKE 'payonce\_schema\_%'
		   AND a.attnum > 0 AND NOT a.attisdropped`)
	var want []string
	for _, model := range tables() {
		want = append(want, describe(t, model)...)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("models and database differ (-models +database):\n%s", diff)
	}
}

// describe says of each field what the query above says of each column.
func describe(t *testing.T, model any) []string {
	t.Helper()
	parsed, err := schema.Parse(model, &sync.Map{}, schema.NamingStrategy{})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, field := range parsed.Fields {
		line := []string{parsed.Table, field.DBName, columnType(t, field), "required"}
		slice := field.FieldType.Kind() == reflect.Slice
		if field.FieldType.Kind() == reflect.Pointer || slice && !field.NotNull {
			line[3] = "nullable"
		}
		if field.PrimaryKey {
			line = append(line, "key")
		}
		if !field.Creatable && !field.Updatable {
			line = append(line, "generated")
		}
		lines = append(lines, strings.Join(line, " "))
	}
	return lines
}

// columnType is the one Postgres type that fits a field. An int is small enough for what the schema calls smallint in
// the places listed.
func columnType(t *testing.T, field *schema.Field) string {
	t.Helper()
	kind := field.IndirectFieldType
	switch kind {
	case reflect.TypeFor[uuid.UUID]():
		return "uuid"
	case reflect.TypeFor[time.Time]():
		return "timestamp with time zone"
	case reflect.TypeFor[models.JSON]():
		return "jsonb"
	case reflect.TypeFor[models.Scopes](), reflect.TypeFor[models.EventPatterns]():
		return "text[]"
	case reflect.TypeFor[[]byte]():
		return "bytea"
	}
	switch kind.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "boolean"
	case reflect.Int64:
		return "bigint"
	case reflect.Int:
		if slices.Contains([]string{"currencies.exponent", "idempotency_keys.status", "ledger_postings.line"},
			field.Schema.Table+"."+field.DBName) {
			return "smallint"
		}
		return "integer"
	}
	t.Fatalf("%s.%s: no column type is known for %s", field.Schema.Name, field.Name, kind)
	return ""
}

// A model that is missing from the list above would be compared with nothing.
func TestEveryStructWithGORMTagsIsCompared(t *testing.T) {
	t.Parallel()
	var listed []string
	for _, model := range tables() {
		listed = append(listed, reflect.TypeOf(model).Name())
	}
	files, err := filepath.Glob("../models/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no models found: %v", err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			spec, ok := node.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if fields, ok := spec.Type.(*ast.StructType); ok && slices.ContainsFunc(fields.Fields.List, isColumn) &&
				!slices.Contains(listed, spec.Name.Name) {
				t.Errorf("models.%s is not in tables()", spec.Name.Name)
			}
			return true
		})
	}
}

func isColumn(field *ast.Field) bool {
	return field.Tag != nil && strings.Contains(field.Tag.Value, "gorm:")
}
