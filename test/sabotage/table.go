package main

import (
	"regexp"
	"slices"
	"strings"
)

// sabotage is one mistake, and the test that must notice it.
type sabotage struct {
	name   string // of the mistake
	breaks string // what it leads to, and what had to be broken with it to make it real
	edits  []edit
	caught catch
}

// edit replaces a text that occurs exactly once in a file; old is as short as its line allows.
type edit struct{ file, old, new string }

// catch names the fastest test that notices. Its name goes on after a slash with the subtest's, as the source spells it.
type catch struct {
	in   string // the package's folder, "." for the root
	test string
	says string // a part of the failure's text: failing for another reason doesn't count
}

// all is every sabotage there is.
func all() []sabotage {
	return slices.Concat(engine(), commits(), store(), schema(), gate(), payments(), transport(), requests())
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
	return catch{"repository", "TestPostgresKeepsWhatAStoreHasToKeep/cache_statement/" + obligation, says}
}
