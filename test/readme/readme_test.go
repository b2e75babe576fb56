package readme

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/payonce/payonce/config"
	"github.com/payonce/payonce/test/binary"
)

const root = "../.."

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheSettingsAreTheOnesThatTheServiceReads(t *testing.T) {
	t.Parallel()
	want := "| variable | default | meaning |\n|---|---|---|\n"
	for _, v := range config.Variables() {
		value := v.Default
		if value != "" && !strings.ContainsAny(value, "` ") {
			value = "`" + value + "`"
		}
		want += "| `" + v.Name + "` | " + value + " | " + v.Help + " |\n"
	}
	if !strings.Contains(read(t, "README.md"), want) {
		t.Errorf("README.md's table of settings is not\n%s", want)
	}
}

func TestTheSnippetIsTheExample(t *testing.T) {
	t.Parallel()
	snippet := regexp.MustCompile("(?s)```go\n(.*?)```").FindStringSubmatch(read(t, "README.md"))
	if len(snippet) != 2 || !strings.Contains(read(t, "middleware/example_test.go"), snippet[1]) {
		t.Fatal("README.md's Go snippet does not stand in middleware/example_test.go")
	}
	if lines := strings.Count(snippet[1], "\n"); lines >= 30 {
		t.Errorf("protecting a route takes %d lines", lines)
	}
}

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	t.Parallel()
	link, code := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`), regexp.MustCompile("(?s)```.*?```")
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".md") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, match := range link.FindAllStringSubmatch(code.ReplaceAllString(string(text), ""), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), match[1])); err != nil {
				t.Errorf("%s: %v", entry.Name(), err)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestTheWalkWorksWhenItIsPasted runs the README's shell blocks, one after the other in one shell, against `serve` with
// nothing configured but where it keeps its data and listens.
func TestTheWalkWorksWhenItIsPasted(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("curl is needed in CI")
		}
		t.Skip("curl is not on the PATH")
	}
	base, key := serve(t)
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(read(t, "README.md"), -1)
	var script strings.Builder
	for i, block := range blocks {
		commands := block[1]
		if i == 0 {
			commands = strings.Replace(commands, "sk_test_...", key, 1)
			commands = strings.Replace(commands, "http://127.0.0.1:8080", base, 1)
		}
		fmt.Fprintf(&script, "%s\necho; echo ---\n", commands)
	}
	shell := exec.CommandContext(t.Context(), "sh", "-eu")
	shell.Dir, shell.Stdin = t.TempDir(), strings.NewReader(script.String())
	out, err := shell.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	parts := strings.Split(string(out), "---\n")[1:]
	for i, want := range []string{"201 Created", "201 Created", "201 Created", "422 Unprocessable Entity", "409 Conflict", "200 OK"} {
		if !strings.Contains(parts[i], "HTTP/1.1 "+want) {
			t.Errorf("step %d is not %s:\n%s", i+1, want, parts[i])
		}
	}
	if !strings.Contains(parts[2], "Idempotent-Replayed: true") || body(parts[1]) != body(parts[2]) || body(parts[1]) == "" {
		t.Errorf("the replay is not the first answer:\n%s\n%s", parts[1], parts[2])
	}
}

// body is what follows the headers.
func body(response string) string {
	_, body, _ := strings.Cut(response, "\r\n\r\n")
	return strings.TrimSpace(body)
}

// serve starts the service as a newcomer does, and returns its address and the key that it printed.
func serve(t *testing.T) (base, key string) {
	t.Helper()
	dir := t.TempDir()
	command := exec.Command(binary.Path(t)) //nolint:noctx // ended by the cleanup
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
		_ = command.Wait()
		_ = writer.Close()
	})
	return announced(t, reader)
}

func announced(t *testing.T, output io.Reader) (base, key string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	found := make(chan []string, 1)
	go func() {
		var text bytes.Buffer
		pattern := regexp.MustCompile(`(?s)API key\s+(sk_test_\w+).*\nlistening on (http://\S+)\n`)
		buffer := make([]byte, 4096)
		for {
			n, err := output.Read(buffer)
			text.Write(buffer[:n])
			if match := pattern.FindStringSubmatch(text.String()); match != nil && cap(found) > len(found) {
				found <- match
			}
			if err != nil {
				return
			}
		}
	}()
	select {
	case match := <-found:
		return match[2], match[1]
	case <-ctx.Done():
		t.Fatal("the service printed no key and address")
		return "", ""
	}
}
