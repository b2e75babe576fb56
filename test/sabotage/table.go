package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/payonce/payonce/test/overlay"
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

// edit is an [overlay.Edit]; old is as short as its line allows.
type edit struct{ at, old, new string }

// apply returns the broken text of each file that the sabotage edits, and the place of its first edit.
func (s sabotage) apply(root string) (texts map[string]string, at overlay.Place, err error) {
	edits := make([]overlay.Edit, len(s.edits))
	for i, e := range s.edits {
		edits[i] = overlay.Edit{At: e.at, Old: e.old, New: e.new}
	}
	if texts, at, err = overlay.Apply(root, edits, s.imports); err != nil {
		err = fmt.Errorf("%q: %w", s.name, err)
	}
	return texts, at, err
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
