//go:build unix

package commands

import (
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

// everyOddity is a name of a folder with all that a parser of addresses, lists, shells or settings gives a meaning to.
const everyOddity = " it's \"a\", 100%41#x?y=z&b;c+d $HOME 日本 -*{[(@:~ "

// variables of PostgreSQL's clients, each of which would break a connection to a private server or lead it elsewhere.
// (The whole list is tried in embedded.)
func variables() []string {
	return []string{
		"PGSERVICE=nowhere", "PGSERVICEFILE=/nowhere", "PGHOST=/nowhere", "PGPORT=1", "PGUSER=nobody", "PGDATABASE=nowhere", "PGPASSWORD=x",
		"PGOPTIONS=-c default_transaction_read_only=on -c datestyle=German", "PGTARGETSESSIONATTRS=standby", "PGCHANNELBINDING=require",
		"PGREQUIREAUTH=scram-sha-256", "PGMINPROTOCOLVERSION=9.9", "PGCONNECT_TIMEOUT=soon", "PGSSLMODE=verify-full", "PGTZ=Asia/Kabul",
		"PGDATA=/nowhere", "PGCLIENTENCODING=SQL_ASCII", "REDISCLI_AUTH=x",
	}
}

// As a person starts it whose home, data and temporary folders have such names and whose shell has settings for another
// database, first with an owner that runs and then without one.
func TestEveryCommandWorksInFoldersOfAnyNameAndWithVariablesOfAnotherDatabase(t *testing.T) {
	t.Parallel()
	first := asOrdinaryUser(t, map[string]string{everyOddity + "/home/keep": "", everyOddity + "/tmp/keep": ""})
	odd := filepath.Join(first.Dir, everyOddity)
	env := append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Join(odd, "home"), "TMPDIR=" + filepath.Join(odd, "tmp"),
		"ADDR=127.0.0.1:0", "ADMIN_ADDR=127.0.0.1:0",
	}, variables()...)
	if os.Geteuid() == 0 { // whose default is not in its home; this user's is, as everybody's
		env = append(env, "DATA_DIR="+filepath.Join(odd, "home", ".local", "share", "payonce"))
	}
	command := func(arguments ...string) *exec.Cmd {
		c := exec.CommandContext(t.Context(), first.Path, arguments...)
		c.Dir, c.Env, c.SysProcAttr = first.Dir, env, first.SysProcAttr
		return c
	}
	owner := service.RunCommand(t, command())
	commands := [][]string{{"merchant", "create", "--name", "A", "--json"}, {"migrate", "status"}, {"merchant", "list"}}
	for _, arguments := range commands {
		if out, errs, code := finish(t, command(arguments...)); code != 0 {
			t.Errorf("%v beside the service: exit code %d, %s %s", arguments, code, out, errs)
		}
	}
	if !strings.Contains(owner.String(), "installed redis") && !strings.Contains(owner.String(), "installed valkey") {
		t.Logf("no Redis is installed: %s", owner.String())
	}
	if code := owner.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, arguments := range commands {
		if out, errs, code := finish(t, command(arguments...)); code != 0 {
			t.Errorf("%v by itself: exit code %d, %s %s", arguments, code, out, errs)
		}
	}
}

func TestWithADatabaseURLTheVariablesOfPostgreSQLWorkAsUsual(t *testing.T) {
	t.Parallel()
	database, err := url.Parse(stores.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	query := database.Query()
	bare := "DATABASE_URL=postgres:///?host=" + query.Get("host") + "&port=" + query.Get("port") + "&sslmode=disable"
	rest := []string{bare, "PGUSER=" + query.Get("user"), "PGDATABASE=" + strings.TrimPrefix(database.Path, "/")}
	if out, errs, code := run(t, rest, "merchant", "list"); code != 0 {
		t.Errorf("with the user and the database in variables: exit code %d, %s %s", code, out, errs)
	}
	for _, variable := range []string{"PGSERVICE=nowhere", "PGCONNECT_TIMEOUT=soon", "PGTARGETSESSIONATTRS=standby"} {
		if out, errs, code := run(t, append(rest, variable), "merchant", "list"); code != 1 {
			t.Errorf("%s: exit code %d, %s %s, want it to count", variable, code, out, errs)
		}
	}
}

// A number without a name, as containers run with, HOME=/ and a data folder of its own.
func TestAUserWithoutANameStartsOrIsToldWhatToDo(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become another user")
	}
	command := asUser(t, 54321, 0, map[string]string{"data/keep": ""})
	home := exec.CommandContext(t.Context(), command.Path)
	home.Dir, home.SysProcAttr, home.Env = "/", command.SysProcAttr, []string{"PATH=" + os.Getenv("PATH"), "HOME=/"}
	_, errs, code := finish(t, home)
	isOneSentence(t, errs, code, "DATA_DIR /.local/share/payonce can't be made by user 54321", "set DATA_DIR to")
	out, errs, code := finish(t, withArguments(t, command, []string{"DATA_DIR=" + filepath.Join(command.Dir, "data")}, "merchant", "create", "--name", "A"))
	if code == 0 && regexp.MustCompile(`sk_test_\w+`).MatchString(out) {
		return
	}
	isOneSentence(t, errs, code, "user 54321 has no name in /etc/passwd", "DATABASE_URL", "a user with a name")
}

// withArguments is the same command with arguments and settings.
func withArguments(t *testing.T, c *exec.Cmd, settings []string, arguments ...string) *exec.Cmd {
	t.Helper()
	other := exec.CommandContext(t.Context(), c.Path, arguments...)
	other.Dir, other.SysProcAttr, other.Env = c.Dir, c.SysProcAttr, slices.Concat(c.Env, settings)
	return other
}
