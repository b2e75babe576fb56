package readme

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/payonce/payonce/test/service"
)

// TestTheWalkWorksWhenItIsPasted runs the README's shell blocks, one after the other in one shell, against a service with
// nothing configured but where it keeps its data and listens.
func TestTheWalkWorksWhenItIsPasted(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("curl is needed in CI")
		}
		t.Skip("the walk is made of curl lines, and curl is not on the PATH")
	}
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(read(t, "README.md"), -1)
	steps := []string{
		"201 Created", "201 Created", "201 Created", "422 Unprocessable Entity", "409 Conflict", "200 OK",
	}
	if len(blocks) != len(steps)+1 {
		t.Fatalf("the walk has %d blocks, not one that sets variables and %d steps", len(blocks), len(steps))
	}
	base, key := serve(t)
	script := settings(t, blocks[0][1], base, key)
	for _, block := range blocks[1:] {
		script += block[1] + "echo '" + mark + "'\n"
	}
	answers := strings.Split(shell(t, script), mark)
	for i, want := range steps {
		if !strings.HasPrefix(strings.TrimSpace(answers[i]), "HTTP/1.1 "+want+"\r\n") {
			t.Errorf("step %d is not %s:\n%s", i+1, want, answers[i])
		}
		if replayed := strings.Contains(answers[i], "\r\nIdempotent-Replayed: true\r\n"); replayed != (i == 2) {
			t.Errorf("step %d is replayed: %t\n%s", i+1, replayed, answers[i])
		}
	}
	if !strings.Contains(answers[1], `"status":"succeeded"`) || body(answers[1]) != body(answers[2]) {
		t.Errorf("the replay is not the first answer:\n%s\n%s", answers[1], answers[2])
	}
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
	dir := t.TempDir()
	command := exec.Command(service.Binary(t)) //nolint:noctx // ended by the cleanup
	command.Env = []string{
		"HOME=" + dir, "PATH=" + os.Getenv("PATH"), "ADDR=127.0.0.1:0", "ADMIN_ADDR=127.0.0.1:0", "DATA_DIR=" + filepath.Join(dir, "data"),
	}
	reader, writer := io.Pipe()
	command.Stdout, command.Stderr = writer, writer
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		if err := command.Wait(); err != nil {
			t.Errorf("the service did not stop well: %v", err)
		}
		_ = writer.Close()
	})
	return announced(t, reader)
}

// announced waits for the start-up text, and goes on reading so that the service never waits for its reader.
func announced(t *testing.T, output io.Reader) (base, key string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	found := make(chan []string, 1)
	go func() {
		defer close(found)
		pattern := regexp.MustCompile(`(?s)API key\s+(sk_test_\w+).*\nlistening on (http://\S+)\n`)
		var text bytes.Buffer
		buffer := make([]byte, 4096)
		for told := false; ; {
			n, err := output.Read(buffer)
			text.Write(buffer[:n])
			if match := pattern.FindStringSubmatch(text.String()); match != nil && !told {
				told = true
				found <- match
			}
			if err != nil {
				return
			}
		}
	}()
	select {
	case match, ok := <-found:
		if ok {
			return match[2], match[1]
		}
	case <-ctx.Done():
	}
	t.Fatal("the service printed no key and address")
	return "", ""
}
