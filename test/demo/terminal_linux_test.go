package demo

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/payonce/payonce/test/service"
)

// terminal connects the demo's standard output to a terminal and returns when that is closed at the other end.
func (s *show) terminal() (read func()) {
	s.t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	var unlock, number int32
	for request, argument := range map[uintptr]*int32{syscall.TIOCSPTLCK: &unlock, syscall.TIOCGPTN: &number} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, master.Fd(), request, uintptr(unsafe.Pointer(argument))); errno != 0 {
			s.t.Fatal(errno)
		}
	}
	slave, err := os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	s.cmd.Stdout = slave
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(&s.stdout, master) // ends with EIO, when no process has the terminal open any more
	}()
	s.t.Cleanup(func() { _ = master.Close() })
	return func() {
		_ = slave.Close()
		<-done
	}
}

var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

func TestOnATerminalThereIsColour(t *testing.T) {
	t.Parallel()
	s := prepare(t, service.Binary(t), []string{"TERM=xterm-256color"})
	read := s.terminal()
	code := s.run()
	read()
	text := s.text()
	if code != 0 || !strings.Contains(text, "\x1b[31mcharged again") || !strings.Contains(text, "\x1b[1;32m✓ The promise held") {
		t.Errorf("exit code %d, stderr %q:\n%s", code, &s.stderr, text)
	}
	plain := colours.ReplaceAllString(text, "")
	if strings.Contains(plain, "\x1b") {
		t.Error("there are other escapes than colours")
	}
	checkLines(t, plain)
	s.leavesNothing()
}

func TestNoColorAndDumbTerminalsAreHonoured(t *testing.T) {
	t.Parallel()
	for _, settings := range [][]string{{"TERM=xterm-256color", "NO_COLOR=1"}, {"TERM=dumb"}} {
		t.Run(settings[len(settings)-1], func(t *testing.T) {
			t.Parallel()
			s := prepare(t, service.Binary(t), settings)
			read := s.terminal()
			s.start()
			s.until("byte for byte")
			if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			s.end()
			read()
			if text := s.text(); strings.Contains(text, "\x1b") {
				t.Errorf("there is colour:\n%q", text)
			}
		})
	}
}
