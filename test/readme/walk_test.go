package readme

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/payonce/payonce/test/needs"
	"github.com/payonce/payonce/test/service"
)

// TestTheWalkWorksWhenItIsPasted runs the README's shell blocks, one after the other in one shell, against a service with
// nothing configured but where it keeps its data and listens.
func TestTheWalkWorksWhenItIsPasted(t *testing.T) {
	t.Parallel()
	answers := walk(t, "README.md", 2, "201 Created", "201 Created", "201 Created", "422 Unprocessable Entity", "409 Conflict", "200 OK",
		"200 OK", "410 Gone")
	if !strings.Contains(answers[1], `"status":"succeeded"`) || body(answers[1]) != body(answers[2]) {
		t.Errorf("the replay is not the first answer:\n%s\n%s", answers[1], answers[2])
	}
}

// TestTheLifeOfAPaymentWorksWhenItIsPasted does the same with the page about captures, refunds and the rest.
func TestTheLifeOfAPaymentWorksWhenItIsPasted(t *testing.T) {
	t.Parallel()
	answers := walk(t, "docs/payments.md", 3, "201 Created", "201 Created", "200 OK", "200 OK", "200 OK", "201 Created",
		"422 Unprocessable Entity", "200 OK", "200 OK", "200 OK", "201 Created", "200 OK", "201 Created", "200 OK", "200 OK")
	for step, want := range map[int]string{
		1: `"status":"requires_capture"`, 2: `"status":"partially_captured"`, 4: `"amount_captured":9000`, 5: `"status":"succeeded"`,
		6: `"code":"amount-too-large"`, 10: `"status":"requires_action"`, 11: `"status":"requires_action"`, 12: `"status":"succeeded"`,
		13: `"effect":"refunded"`, 14: `"sum":0`,
	} {
		if !strings.Contains(answers[step], want) {
			t.Errorf("step %d: got\n%s\nwant %s", step+1, answers[step], want)
		}
	}
	for step, want := range map[int]int{7: 2, 8: 1, 9: 4} {
		if got := strings.Count(answers[step], `"status":`); got != want {
			t.Errorf("step %d: got %d rows, want %d:\n%s", step+1, got, want, answers[step])
		}
	}
}

// walk runs the shell blocks of a page, the first of which sets variables, and compares each answer's status. One step is a replay.
func walk(t *testing.T, page string, replay int, steps ...string) (answers []string) {
	t.Helper()
	needs.Program(t, "the walk is made of curl lines", "curl")
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(read(t, page), -1)
	if len(blocks) != len(steps)+1 {
		t.Fatalf("the walk has %d blocks, not one that sets variables and %d steps", len(blocks), len(steps))
	}
	base, key := serve(t)
	script := settings(t, blocks[0][1], base, key)
	for _, block := range blocks[1:] {
		script += block[1] + "echo '" + mark + "'\n"
	}
	answers = strings.Split(shell(t, script), mark)
	for i, want := range steps {
		if !strings.HasPrefix(strings.TrimSpace(answers[i]), "HTTP/1.1 "+want+"\r\n") {
			t.Errorf("step %d is not %s:\n%s", i+1, want, answers[i])
		}
		if replayed := strings.Contains(answers[i], "\r\nIdempotent-Replayed: true\r\n"); replayed != (i == replay) {
			t.Errorf("step %d is replayed: %t\n%s", i+1, replayed, answers[i])
		}
	}
	return answers
}

const mark = "--- end of step ---"

// settings does what a reader does with the first block: it puts the start-up text's values in.
func settings(t *testing.T, block, base, key string) string {
	t.Helper()
	for placeholder, value := range map[string]string{"sk_test_...": key, "http://127.0.0.1:8080": base} {
		if strings.Count(block, placeholder) != 1 {
			t.Fatalf("%s does not stand once in\n%s", placeholder, block)
		}
		block = strings.Replace(block, placeholder, value, 1)
	}
	return block
}

func shell(t *testing.T, script string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "sh", "-eu")
	command.Dir, command.Stdin = t.TempDir(), strings.NewReader(script)
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + command.Dir, "NO_PROXY=*"}
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// body is what follows the headers.
func body(response string) string {
	_, body, _ := strings.Cut(response, "\r\n\r\n")
	return strings.TrimSpace(body)
}

// serve starts the service as a newcomer does, on free ports, and returns its address and the key that it printed.
func serve(t *testing.T) (base, key string) {
	t.Helper()
	s := service.RunProgram(t, "DATA_DIR="+filepath.Join(t.TempDir(), "data"))
	t.Cleanup(func() {
		if code := s.Stop(); code != 0 {
			t.Errorf("the service did not stop well: got exit code %d, want 0", code)
		}
	})
	return s.URL(), s.Find(`API key\s+(sk_test_\w+)`)
}
