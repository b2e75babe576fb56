package demo

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/test/service"
)

func TestMain(m *testing.M) { os.Exit(service.Main(m)) }

// runLimit is for a machine that runs many tests at once, with the race detector. Idle, a run takes 8 s.
const runLimit = 3 * time.Minute

// show is one run of the demo, with a temporary folder of its own to look for leftovers in.
type show struct {
	t      *testing.T
	temp   string
	cmd    *exec.Cmd
	ended  chan struct{}
	stdout service.Printed
	stderr patient
}

// prepare makes a run that was not started yet. Its environment holds nothing but what is given.
func prepare(t *testing.T, binary string, settings []string, arguments ...string) *show {
	t.Helper()
	temp, err := os.MkdirTemp("", "payonce demo, it's 100%41 &x=y-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(temp) })
	if err := os.Chmod(temp, 0o711); err != nil { // root's servers have to get there
		t.Fatal(err)
	}
	s := &show{t: t, temp: temp, ended: make(chan struct{})}
	s.cmd = exec.Command(binary, append([]string{"demo"}, arguments...)...)
	s.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TMPDIR=" + temp, "PG_BIN_DIR=" + os.Getenv("PG_BIN_DIR")}, settings...)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = temp, &s.stdout, &s.stderr
	return s
}

func (s *show) text() string { return s.stdout.String() }

func (s *show) start() {
	s.t.Helper()
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		_ = s.cmd.Wait() // how it ended is in ProcessState
		close(s.ended)
	}()
	s.t.Cleanup(func() {
		_ = s.cmd.Process.Kill() // it may have ended
		<-s.ended
	})
}

// end waits for the end and returns the exit code.
func (s *show) end() int {
	s.t.Helper()
	select {
	case <-s.ended:
	case <-time.After(runLimit):
		s.t.Fatalf("the demo did not end within %s; it showed\n%s", runLimit, s.text())
	}
	return s.cmd.ProcessState.ExitCode()
}

// run runs it to its end.
func (s *show) run() int {
	s.t.Helper()
	s.start()
	return s.end()
}

// until waits until the demo has shown something.
func (s *show) until(shown string) {
	s.t.Helper()
	service.Within(s.t, runLimit, "the demo shows "+shown, func() bool {
		select {
		case <-s.ended:
			s.t.Fatalf("it ended before it showed %s:\n%s%s", shown, s.text(), &s.stderr)
		default:
		}
		return strings.Contains(s.text(), shown)
	})
}

// leftovers are the files in the temporary folder, and the processes that work in it or were told of it.
func (s *show) leftovers() (found []string) {
	s.t.Helper()
	entries, err := os.ReadDir(s.temp)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		s.t.Fatal(err)
	}
	for _, entry := range entries {
		found = append(found, entry.Name())
	}
	processes, _ := filepath.Glob("/proc/[0-9]*") // none on macOS
	for _, process := range processes {
		command, _ := os.ReadFile(filepath.Join(process, "cmdline"))
		environment, _ := os.ReadFile(filepath.Join(process, "environ"))
		if process != "/proc/"+strconv.Itoa(os.Getpid()) && strings.Contains(string(command)+string(environment), s.temp) {
			found = append(found, "process "+filepath.Base(process)+": "+strings.ReplaceAll(string(command), "\x00", " "))
		}
	}
	return found
}

func (s *show) leavesNothing() {
	s.t.Helper()
	if left := s.leftovers(); len(left) > 0 {
		s.t.Errorf("it left behind: %q", left)
	}
}

// patient is stderr without the lines that a slow machine adds: what a start waits for.
type patient struct{ text bytes.Buffer }

func (p *patient) Len() int       { return p.text.Len() }
func (p *patient) String() string { return p.text.String() }

func (p *patient) Write(text []byte) (int, error) {
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, `msg="waiting for `) {
			p.text.WriteString(line)
		}
	}
	return len(text), nil
}
