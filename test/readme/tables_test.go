package readme

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payonce/payonce/internal/config"
	"github.com/payonce/payonce/test/service"
)

func TestTheSettingsAreTheOnesThatTheServiceReads(t *testing.T) {
	t.Parallel()
	const head = "| variable | default | meaning |\n|---|---|---|\n"
	want := head
	for _, v := range config.Variables() {
		value := v.Default
		if value != "" && !strings.ContainsAny(value, "` ") {
			value = "`" + value + "`"
		}
		want += "| `" + v.Name + "` | " + value + " | " + v.Help + " |\n"
	}
	got := regexp.MustCompile(regexp.QuoteMeta(head) + `(\|.*\n)*`).FindString(read(t, "docs/settings.md"))
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("settings and docs/settings.md differ (-settings +page):\n%s", diff)
	}
}

var (
	row    = regexp.MustCompile("(?m)^\\| `go run \\.((?: [a-z]+)*).*$")
	flag   = regexp.MustCompile(`--[a-z][a-z-]*`)
	listed = regexp.MustCompile(`(?m)^  ([a-z]+(?: [a-z]+)*)  +[A-Z]`)
)

// The page has a row for each command of the program, and what stands in a row is understood by its command.
func TestTheCommandsAreTheOnesOfTheProgram(t *testing.T) {
	t.Parallel()
	page, binary := read(t, "docs/commands.md"), service.Binary(t)
	commands := listed.FindAllStringSubmatch(help(t, binary), -1)
	if len(commands) < 10 {
		t.Fatalf("got %d commands in the program's help, want at least 10:\n%s", len(commands), help(t, binary))
	}
	for _, command := range commands {
		name := strings.TrimSuffix(command[1], " run") // the default of archive
		if !regexp.MustCompile("`(go run \\. )?" + name + "\\b").MatchString(page) {
			t.Errorf("docs/commands.md does not have %s", name)
		}
	}
	for _, found := range row.FindAllStringSubmatch(page, -1) {
		words := strings.Fields(found[1])
		known := help(t, binary, words...)
		for _, option := range flag.FindAllString(found[0], -1) {
			if !regexp.MustCompile(option + `\b`).MatchString(known) {
				t.Errorf("docs/commands.md: payonce %s has no %s", found[1], option)
			}
		}
	}
}

// help is what a command says of itself; a command that does not exist says something else.
func help(t *testing.T, binary string, words ...string) string {
	t.Helper()
	if len(words) > 0 && words[0] == "archive" {
		words = append(words, "run")
	}
	text, err := exec.CommandContext(t.Context(), binary, append(words, "--help")...).CombinedOutput()
	if err != nil {
		t.Errorf("payonce %s --help: %v\n%s", strings.Join(words, " "), err, text)
	}
	return string(text)
}
