package clients

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/payonce/payonce/internal/problem"
)

// The guide's table of decisions knows every code, and repeats what the code calls retryable and nothing else.
func TestTheGuidesDecisionsAreThoseOfTheCodes(t *testing.T) {
	t.Parallel()
	_, section, _ := strings.Cut(guide(t), "\n## What to do with each answer\n")
	section, _, _ = strings.Cut(section, "\n## ")
	rows := regexp.MustCompile(`(?m)^\| (.*) \| (.*) \| (.*) \|$`).FindAllStringSubmatch(section, -1)
	for _, code := range problem.Codes() {
		p := problem.New(code, "")
		decision := ""
		for _, row := range rows {
			if names(row[1], p) {
				decision = row[2]
				break
			}
		}
		if decision == "" {
			t.Errorf("no row for %d %s", p.Status, code)
			continue
		}
		if again := strings.HasPrefix(decision, "send the same again"); again != p.Retryable {
			t.Errorf("%d %s: the guide says %q, and the code that it is retryable: %t", p.Status, code, decision, p.Retryable)
		}
	}
}

// names reports whether a row is about a problem: by its code, or by its status where no code is named.
func names(cell string, p *problem.Problem) bool {
	if strings.Contains(cell, "`") {
		return strings.Contains(cell, "`"+string(p.Code)+"`")
	}
	return regexp.MustCompile(`\b`+strconv.Itoa(p.Status)+`\b`).MatchString(cell) || (p.Status >= 500 && strings.Contains(cell, "5xx"))
}
