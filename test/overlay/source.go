package overlay

import (
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/scanner"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// source is the module's text as edits see it: files, and the declarations in a folder. It reads what is asked for, once.
type source struct {
	root    string
	files   map[string]string
	folders map[string]map[string]span // by folder and symbol
}

// span is a part of a file.
type span struct {
	file     string
	from, to int
}

func newSource(root string) *source {
	return &source{root, map[string]string{}, map[string]map[string]span{}}
}

// find returns where the old text of an edit stands. It is an error when it isn't there exactly once: the source has moved
// on and the table has to follow.
func (s *source) find(e Edit) (span, error) {
	symbol, named := e.symbol()
	if !named {
		text, err := s.text(e.At)
		if err != nil {
			return span{}, err
		}
		return e.in(span{e.At, 0, len(text)}, text, nil)
	}
	declared, err := s.declarations(e.folder())
	if err != nil {
		return span{}, err
	}
	where, known := declared[symbol]
	if !known {
		return span{}, fmt.Errorf("%s: no file in %s declares %s: say what it is called now", e.At, e.folder(), symbol)
	}
	text, removed := code(s.files[where.file][where.from:where.to])
	return e.in(where, text, removed)
}

// in finds the old text in a text that stands in a file, with some of its parts removed.
func (e Edit) in(where span, text string, removed []int) (span, error) {
	if n := strings.Count(text, e.Old); n != 1 {
		return span{}, fmt.Errorf("%s in %s holds %d times, not once: %s", e.At, where.file, n, e.Old)
	}
	from := strings.Index(text, e.Old)
	to := from + len(e.Old)
	if removed != nil {
		from, to = removed[from], removed[to-1]+1
	}
	return span{where.file, where.from + from, where.from + to}, nil
}

func (s *source) text(file string) (string, error) {
	if text, read := s.files[file]; read {
		return text, nil
	}
	content, err := os.ReadFile(filepath.Join(s.root, file))
	s.files[file] = string(content)
	return s.files[file], err
}

// declarations are those of a folder's package, tests excluded, by the names that [Edit.At] gives them.
func (s *source) declarations(folder string) (map[string]span, error) {
	if declared, read := s.folders[folder]; read {
		return declared, nil
	}
	names, err := filepath.Glob(filepath.Join(s.root, folder, "*.go"))
	declared := map[string]span{}
	s.folders[folder] = declared
	for _, name := range names {
		name = filepath.Base(name)
		built, matchErr := build.Default.MatchFile(filepath.Join(s.root, folder), name)
		if err = errors.Join(err, matchErr); built && !strings.HasSuffix(name, "_test.go") {
			err = errors.Join(err, s.declare(declared, path.Join(folder, name)))
		}
	}
	return declared, err
}

// declare adds what one file declares.
func (s *source) declare(declared map[string]span, file string) error {
	text, err := s.text(file)
	if err != nil {
		return err
	}
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, text, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	add := func(name string, node ast.Node) {
		declared[name] = span{file, set.Position(node.Pos()).Offset, set.Position(node.End()).Offset}
	}
	for _, decl := range parsed.Decls {
		switch decl := decl.(type) {
		case *ast.FuncDecl:
			add(receiver(decl)+decl.Name.Name, decl)
		case *ast.GenDecl:
			for _, spec := range decl.Specs {
				node := ast.Node(spec)
				if !decl.Lparen.IsValid() {
					node = decl
				}
				for _, name := range named(spec) {
					add(name.Name, node)
				}
			}
		}
	}
	return nil
}

// receiver is the name of a method's type and a dot; empty for a function.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	typ := f.Recv.List[0].Type
	for {
		switch of := typ.(type) {
		case *ast.StarExpr:
			typ = of.X
		case *ast.IndexExpr:
			typ = of.X
		case *ast.IndexListExpr:
			typ = of.X
		case *ast.Ident:
			return of.Name + "."
		default:
			return ""
		}
	}
}

func named(spec ast.Spec) []*ast.Ident {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		return []*ast.Ident{spec.Name}
	case *ast.ValueSpec:
		return spec.Names
	}
	return nil
}

// code is a declaration's text without its comments, and for each byte of it where it stands in the text.
func code(text string) (stripped string, at []int) {
	set := token.NewFileSet()
	file := set.AddFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(file, []byte(text), nil, scanner.ScanComments)
	var kept []byte
	keep := func(from, to int) {
		for i := from; i < to; i++ {
			kept, at = append(kept, text[i]), append(at, i)
		}
	}
	done := 0
	for {
		pos, tok, lit := s.Scan()
		if tok == token.EOF {
			keep(done, len(text))
			return string(kept), at
		}
		if tok != token.COMMENT {
			continue
		}
		from := len(strings.TrimRight(text[:file.Offset(pos)], " \t"))
		to := file.Offset(pos) + len(lit)
		if from > 0 && text[from-1] == '\n' && strings.HasPrefix(text[to:], "\n") {
			to++ // the line held nothing else
		}
		keep(done, max(done, from))
		done = max(done, to)
	}
}
