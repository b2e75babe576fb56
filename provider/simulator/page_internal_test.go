package simulator

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// What docs/simulator.md promises is known here, and what is known here stands there.
func TestPageNamesEveryMethodAndFault(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/simulator.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	methods := regexp.MustCompile("`(pm_[a-zA-Z_]+(?:<\\w+>|2000)?)`").FindAllStringSubmatch(page, -1)
	for _, found := range methods {
		name := strings.NewReplacer("<ms>", "5", "<fault>", "timeout_done").Replace(found[1])
		if _, ok := methodOf(name); !ok && found[1] != "pm_card_" {
			t.Errorf("docs/simulator.md: %s is no payment method", found[1])
		}
	}
	_, faults, _ := strings.Cut(page, "| fault |")
	faults, _, _ = strings.Cut(faults, "\n\n")
	for _, found := range regexp.MustCompile("`(\\w+?)(<ms>)?`").FindAllStringSubmatch(faults, -1) {
		name := strings.Replace(found[0][1:len(found[0])-1], "<ms>", "5", 1)
		if _, ok := faultOf(opRefund, name); !ok {
			t.Errorf("docs/simulator.md: %s is no fault", name)
		}
	}
	source, err := os.ReadFile("faults.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range regexp.MustCompile(`"(pm_[a-z]+_[a-zA-Z_]+)"|case "([a-z]+(?:_[a-z]+)*)":`).FindAllStringSubmatch(string(source), -1) {
		if name := found[1] + found[2]; !strings.Contains(page, "`"+name) {
			t.Errorf("docs/simulator.md does not have %s", name)
		}
	}
	if len(methods) < 15 {
		t.Errorf("got %d payment methods on the page, want at least 15: they are looked for in the wrong form", len(methods))
	}
}
