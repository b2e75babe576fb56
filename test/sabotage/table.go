package main

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strings"
)

// sabotage is one mistake, and the test that must notice it.
type sabotage struct {
	name   string // of the mistake
	breaks string // what it leads to, and what had to be broken with it to make it real
	edits  []edit
	// imports are packages that the new text of the first edit needs besides its file's own.
	imports []string
	caught  catch
}

// edit replaces a text that occurs exactly once where the edit applies; old is as short as its line allows.
//
// A place in Go is named by its declaration, whatever file that stands in: package.Name or package.Type.Method. The package
// is in the folder of its name, or in the one that [folders] has for it. Comments are not looked at, so that they may change.
// A place in SQL is named by its file.
type edit struct{ at, old, new string }

// folders are where packages are that edits name, when it isn't the folder of that name at the top.
func folders() map[string]string {
	return map[string]string{
		"app":      "internal/app",
		"archive":  "internal/archive",
		"postgres": "idempotency/postgres",
		"problem":  "internal/problem",
		"redis":    "idempotency/redis",
		"safeurl":  "internal/safeurl",
		"wire":     "internal/wire",
		"session":  "idempotency/postgres/session",
	}
}

// symbol is the declaration that the edit is in; ok is false when it names a file.
func (e edit) symbol() (name string, ok bool) {
	if ext := path.Ext(e.at); ext == ".go" || ext == ".sql" {
		return "", false
	}
	_, name, ok = strings.Cut(e.at, ".")
	return name, ok
}

// folder is where the edit's package is.
func (e edit) folder() string {
	name, _, _ := strings.Cut(e.at, ".")
	return cmp.Or(folders()[name], name)
}

// catch names the fastest test that notices. Its name goes on after a slash with the subtest's, as the source spells it.
type catch struct {
	in   string // the package's folder, "." for the root
	test string
	says string // a part of the failure's text: failing for another reason doesn't count
}

// all is every sabotage there is.
func all() []sabotage {
	return slices.Concat(engine(), copies(), commits(), store(), sessions(), schema(), gate(), payments(), outcomes(), later(), transport(), requests(), edges(), webhooks(), drift(), archives())
}

func matching(from []sabotage, pattern *regexp.Regexp) (chosen []sabotage) {
	for _, s := range from {
		if pattern.MatchString(s.name) {
			chosen = append(chosen, s)
		}
	}
	return chosen
}

// id is the test's name as go test prints it.
func (c catch) id() string { return strings.ReplaceAll(c.test, " ", "_") }

// pattern is what go test's -run takes for this test alone.
func (c catch) pattern() string {
	parts := strings.Split(c.id(), "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	return strings.Join(parts, "/")
}

// kept is a test of what every store has to keep, run on PostgreSQL.
func kept(obligation, says string) catch {
	return catch{"idempotency/postgres", "TestPostgresKeepsWhatAStoreHasToKeep/cache_statement/" + obligation, says}
}
