package commands

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

func TestMain(m *testing.M) { os.Exit(service.Main(m)) }

// run runs a command with nothing in its environment but what is given.
func run(t *testing.T, settings []string, arguments ...string) (stdout, stderr string, code int) {
	t.Helper()
	command := exec.CommandContext(t.Context(), service.Binary(t), arguments...)
	command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, settings...)
	return finish(t, command)
}

// finish runs a command to its end.
func finish(t *testing.T, command *exec.Cmd) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	command.Stdout, command.Stderr = &out, &errs
	err := command.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return out.String(), errs.String(), exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), 0
}

func TestAMerchantAndItsKeysAreMadeListedAndRevoked(t *testing.T) {
	t.Parallel()
	database := []string{"DATABASE_URL=" + stores.EmptyDatabase(t)}
	out, errs, code := run(t, database, "merchant", "create", "--name", "Café Ünicode", "--json")
	var merchant struct {
		ID     string `json:"id"`
		Name   string `json:"name"`
		APIKey string `json:"api_key"`
		KeyID  string `json:"key_id"`
	}
	if err := json.Unmarshal([]byte(out), &merchant); err != nil || code != 0 {
		t.Fatalf("%d %s %s: %v", code, out, errs, err)
	}
	if merchant.Name != "Café Ünicode" || !strings.HasPrefix(merchant.ID, "mer_") || !strings.HasPrefix(merchant.APIKey, "sk_test_"+merchant.KeyID+"_") {
		t.Errorf("%+v", merchant)
	}
	out, _, code = run(t, database, "merchant", "key", "create", "--merchant", merchant.ID, "--json")
	if code != 0 || !strings.Contains(out, `"key_id"`) {
		t.Errorf("%d %s", code, out)
	}
	if _, errs, code = run(t, database, "merchant", "key", "revoke", merchant.KeyID); code != 0 {
		t.Errorf("%d %s", code, errs)
	}
	out, _, code = run(t, database, "merchant", "list", "--json")
	if code != 0 || strings.Count(out, `"revoked":true`) != 1 || strings.Count(out, `"revoked":false`) != 1 || strings.Contains(out, merchant.APIKey) {
		t.Errorf("%d %s", code, out)
	}
	if out, _, code = run(t, database, "merchant", "list"); code != 0 || !strings.Contains(out, merchant.ID) {
		t.Errorf("%d %s", code, out)
	}
}

func TestTheSchemaIsMovedByItself(t *testing.T) {
	t.Parallel()
	database := []string{"DATABASE_URL=" + stores.EmptyDatabase(t)}
	pending, _, _ := run(t, database, "migrate", "status")
	up, _, code := run(t, database, "migrate")
	if code != 0 || !strings.Contains(pending, "pending") || strings.Contains(up, "pending") {
		t.Errorf("%d %s %s", code, pending, up)
	}
	if down, _, code := run(t, database, "migrate", "down"); code != 0 || strings.Count(down, "pending") != 1 {
		t.Errorf("%d %s", code, down)
	}
}

func TestFailuresAreOneSentenceAndTheirExitCodesTell(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		settings  []string
		arguments []string
		code      int
		says      string
	}{
		{nil, []string{"nonsense"}, 2, "nonsense"},
		{nil, []string{"merchant", "create"}, 2, "--name"},
		{nil, []string{"serve", "--no-such-flag"}, 2, "no-such-flag"},
		{[]string{"PROVIDER_TIMEOUT=soon"}, nil, 1, `PROVIDER_TIMEOUT`},
		{[]string{"IDEMPOTENCY_LEASE=1s"}, nil, 1, "PROVIDER_TIMEOUT + COMPLETION_BUDGET"},
		{[]string{"DATABASE_URL=postgres://127.0.0.1:1/x"}, nil, 1, "SECRET_KEY"},
		{[]string{"DATABASE_URL=postgres://127.0.0.1:1/x"}, []string{"merchant", "list"}, 1, "payonce: "},
		{[]string{"DATABASE_URL=" + stores.EmptyDatabase(t)}, []string{"merchant", "key", "revoke", "nobody"}, 1, "not found"},
	} {
		out, errs, code := run(t, test.settings, test.arguments...)
		if code != test.code || !strings.Contains(errs, test.says) || strings.Contains(errs, "goroutine") {
			t.Errorf("%v %v: exit %d, stderr %s, stdout %s", test.settings, test.arguments, code, errs, out)
		}
	}
}

func TestHelpAndVersionAreAnswered(t *testing.T) {
	t.Parallel()
	for _, arguments := range [][]string{{"--help"}, {"serve", "--help"}, {"demo", "--help"}, {"merchant", "--help"}, {"migrate", "--help"}, {"simulator", "--help"}, {"version"}} {
		if out, errs, code := run(t, nil, arguments...); code != 0 || !strings.Contains(out, "payonce") {
			t.Errorf("%v: %d %s %s", arguments, code, out, errs)
		}
	}
}

func TestCommandsAttachToTheDatabaseOfARunningOwner(t *testing.T) {
	t.Parallel()
	data := "DATA_DIR=" + filepath.Join(t.TempDir(), "data")
	owner := service.RunProgram(t, data)
	if out, errs, code := run(t, []string{data}, "merchant", "create", "--name", "Second", "--json"); code != 0 || !strings.Contains(out, "sk_test_") {
		t.Errorf("%d %s %s", code, out, errs)
	}
	_, errs, code := run(t, []string{data, "ADDR=127.0.0.1:0", "ADMIN_ADDR=127.0.0.1:0"})
	if code != 1 || !strings.Contains(errs, "in use") && !strings.Contains(errs, "another") {
		t.Errorf("a second owner: %d %s", code, errs)
	}
	if code := owner.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if out, _, code := run(t, []string{data}, "merchant", "list"); code != 0 || !strings.Contains(out, "Second") {
		t.Errorf("without an owner: %d %s", code, out)
	}
}

func TestTheDemoKeyAndTheDataOutliveARestartAndAKill(t *testing.T) {
	t.Parallel()
	data := "DATA_DIR=" + filepath.Join(t.TempDir(), "data")
	const key = `(sk_test_\w+)`
	first := service.RunProgram(t, data)
	children := service.Children(t, first.PID())
	if len(children) < 2 {
		t.Errorf("%d children: a Postgres and a Redis were expected", len(children))
	}
	first.Kill()
	service.Until(t, "no child outlives its parent", func() bool { return !anyAlive(children) })
	second := service.RunProgram(t, data)
	if a, b := first.Find(key), second.Find(key); a == "" || a != b {
		t.Errorf("the demo key was %s and is %s", a, b)
	}
	if code := second.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func anyAlive(pids []int) bool {
	for _, pid := range pids {
		if _, err := os.Stat(fmt.Sprint("/proc/", pid)); err == nil {
			return true
		}
	}
	return false
}
