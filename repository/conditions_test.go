package repository

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"testing"
)

// GORM leaves zero values out of conditions that are structs, and out of updates that are: a filter by "" would find every
// row. Conditions are therefore texts with placeholders, which hold whatever value they are given.
func TestConditionsOfGORMAreTextsThatDropNoZeroValue(t *testing.T) {
	t.Parallel()
	files := 0
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		if usesGORM(file) {
			files++
			for _, found := range droppedConditions(set, file) {
				t.Error(found)
			}
		}
		return nil
	})
	if err != nil || files < 5 {
		t.Fatalf("%d files use GORM (%v); want at least 5: is the walk in the right folder?", files, err)
	}
}

func TestConditionsThatDropZeroValuesAreFound(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]int{
		`db.Where("status = ?", status)`: 0, "db.Where(`a = ?` + ` AND b = ?`, a, b)": 0, `db.Where("a = ?", filter.Status).Find(&rows)`: 0,
		`db.Model(&Order{}).Where("id = ?", id).Update("a", 1)`: 0, `db.Updates(map[string]any{"a": 0})`: 0, `db.Take(&row)`: 0, `db.Delete(&Order{})`: 0,

		`db.Where(&Order{Status: status})`: 1, `db.Where(models.Order{Status: status})`: 1, `db.Where(map[string]any{"status": status})`: 1,
		`db.Where(filter)`: 1, `db.Where(&filter)`: 1, `db.Where(struct{ A string }{a})`: 1, `db.Where(condition())`: 1, `db.Where()`: 1, `db.Where(*filter, "status")`: 1,
		`db.Not(&Order{Status: status})`: 1, `db.Where("a = 1").Or(Order{Status: status})`: 1, `db.Having(filter)`: 1,
		`db.Find(&rows, Order{Status: status})`: 1, `db.First(&row, &filter)`: 1, `db.Take(&row, map[string]any{"a": a})`: 1, `db.Last(&row, filter)`: 1,
		`db.Delete(&Order{}, filter)`: 1, `db.Delete(&Order{}, "a = ?", a)`: 1,
		`db.FirstOrCreate(&row)`: 1, `db.FirstOrInit(&row, filter)`: 1, `db.Attrs(filter)`: 1, `db.Assign(filter)`: 1,
		`db.Updates(Order{Status: status})`: 1, `db.Updates(&order)`: 1, `db.UpdateColumns(order)`: 1,
		`db.Where(a).Where(b)`: 2,
	} {
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, "bad.go", "package p\nimport _ \"gorm.io/gorm\"\nfunc f() { "+code+" }", parser.SkipObjectResolution)
		if err != nil {
			t.Fatalf("%s: %v", code, err)
		}
		if got := droppedConditions(set, file); len(got) != want || !usesGORM(file) {
			t.Errorf("%s: found %v, want %d", code, got, want)
		}
	}
}

func usesGORM(file *ast.File) bool {
	return slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"gorm.io/gorm"` })
}

// droppedConditions lists the calls whose condition or update GORM would make from the fields of a value.
func droppedConditions(set *token.FileSet, file *ast.File) (found []string) {
	ast.Inspect(file, func(node ast.Node) bool {
		call, ok := node.(*ast.CallExpr)
		if !ok {
			return true
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		if ok && !keepsZeroValues(method.Sel.Name, call.Args) {
			found = append(found, fmt.Sprintf(`%s: %s makes its condition from a value's fields and leaves zero values out; write Where("column = ?", value)`,
				set.Position(method.Sel.Pos()), method.Sel.Name))
		}
		return true
	})
	return found
}

func keepsZeroValues(method string, arguments []ast.Expr) bool {
	switch method {
	case "Where", "Not", "Or", "Having":
		return len(arguments) > 0 && isText(arguments[0])
	case "First", "Take", "Last", "Find", "Delete":
		return len(arguments) < 2
	case "FirstOrCreate", "FirstOrInit", "Attrs", "Assign":
		return false
	case "Updates", "UpdateColumns":
		literal, ok := arguments[0].(*ast.CompositeLit)
		if !ok {
			return false
		}
		_, ok = literal.Type.(*ast.MapType)
		return ok
	}
	return true
}

// isText: a literal, or literals put together.
func isText(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.BasicLit:
		return e.Kind == token.STRING
	case *ast.BinaryExpr:
		return e.Op == token.ADD && isText(e.X) && isText(e.Y)
	}
	return false
}
