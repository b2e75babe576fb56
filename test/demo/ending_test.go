package demo

import (
	"strings"
	"syscall"
	"testing"

	"github.com/payonce/payonce/test/service"
)

func TestAnInterruptedDemoLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, at := range []struct {
		shown  string
		signal syscall.Signal
	}{
		{"a payment that is sent twice", syscall.SIGINT}, // while PostgreSQL is being made
		{"4  kill -9", syscall.SIGTERM},
	} {
		t.Run(at.shown, func(t *testing.T) {
			t.Parallel()
			s := prepare(t, service.Binary(t), nil)
			s.start()
			s.until(at.shown)
			if err := s.cmd.Process.Signal(at.signal); err != nil {
				t.Fatal(err)
			}
			if code := s.end(); code != 1 || s.stderr.String() != "payonce: the demo was interrupted; nothing of it is left\n" {
				t.Errorf("exit code %d, stderr %q", code, &s.stderr)
			}
			s.leavesNothing()
		})
	}
}

func TestAKilledDemoLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, shown := range []string{"a payment that is sent twice", "7  A replica freezes"} { // at the end a replica is frozen
		t.Run(shown, func(t *testing.T) {
			t.Parallel()
			s := prepare(t, service.Binary(t), nil)
			s.start()
			s.until(shown)
			if shown[0] == '7' {
				if n := len(service.Children(t, s.cmd.Process.Pid)); n < 6 {
					t.Errorf("%d children: a PostgreSQL, four replicas and a janitor were expected", n)
				}
			}
			if err := s.cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			s.end()
			service.Until(t, "nothing is left", func() bool { return len(s.leftovers()) == 0 })
		})
	}
}

// A reader that goes away (`payonce demo | head -1`) ends the demo as a kill does.
func TestAReaderThatGoesAwayLeavesNothing(t *testing.T) {
	t.Parallel()
	s := prepare(t, service.Binary(t), nil)
	s.cmd.Stdout = nil
	reader, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.start()
	first := make([]byte, 64)
	n, err := reader.Read(first)
	if err != nil || !strings.Contains(string(first[:n])+"payonce", "payonce") {
		t.Fatalf("%q, %v", first[:n], err)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	s.end()
	service.Until(t, "nothing is left", func() bool { return len(s.leftovers()) == 0 })
}
