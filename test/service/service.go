package service

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/payonce/payonce/test/stores"
)

const (
	// SecretKey is the root key of every service that tests start, so that any of them verifies what another wrote.
	SecretKey   = "dGVzdC1vbmx5LXNlY3JldC1rZXktMzItYnl0ZXMtMDE=" // 32 bytes in base64
	providerKey = "sk_test_provider_key_of_the_tests"
	// WebhookSecret is what the provider signs its notifications with. Every service knows it; only [Simulator.Notify] sends any.
	WebhookSecret = "whsec_of_the_tests" //nolint:gosec // of no real provider

	startLimit = time.Minute // on a machine that runs many tests at once, with the race detector
	stopLimit  = 40 * time.Second
)

// Secrets are what no log may hold, besides API keys.
func Secrets() []string { return []string{SecretKey, providerKey, WebhookSecret} }

// Options say where a service finds its stores and its provider. What is empty is made for this test alone.
type Options struct {
	DatabaseURL string
	RedisURL    string
	ProviderURL string
	Env         map[string]string // settings on top of those that tests share; these win
	Build       []string          // arguments of go build, [Failpoints] say
	Program     string            // instead of a build of this tree: an earlier release, say
	// LogFile, when set, gets what every life of the process writes to stderr, instead of the test's memory. Then its
	// contents are the test's to check.
	LogFile string
}

// Service is one replica: a process that a test may kill, freeze and start again.
type Service struct {
	// Simulator is the provider, nil when Options named another one.
	Simulator *Simulator
	// Options are those it was started with, the gaps filled.
	Options Options

	t       testing.TB
	folder  string
	mu      sync.Mutex
	secrets []string // that must not stand in a log
	run     *process
	past    []*process
}

// process is one life of a service.
type process struct {
	cmd        *exec.Cmd
	log        *lines        // stderr
	out        *lines        // stdout
	ended      chan struct{} // closed when the process is gone and its log complete
	url, admin string
}

// Start runs a service and returns when it listens. The end of the test kills what is left of it, and fails when its
// log holds a secret or a data race.
func Start(t testing.TB, opt Options) *Service {
	t.Helper()
	s := &Service{t: t, Options: opt, folder: t.TempDir(), secrets: Secrets()}
	if opt.DatabaseURL == "" {
		s.Options.DatabaseURL = stores.Database(t)
	}
	if opt.RedisURL == "" {
		s.Options.RedisURL = stores.Redis(t)
	}
	if opt.ProviderURL == "" {
		s.Simulator = StartSimulator(t)
		s.Options.ProviderURL = s.Simulator.URL()
	}
	t.Cleanup(s.cleanUp)
	s.Restart()
	return s
}

// Replica starts another service on the same stores and provider; env goes on top of what this one has.
func (s *Service) Replica(env map[string]string) *Service {
	s.t.Helper()
	opt := s.Options
	opt.Env = maps.Clone(opt.Env)
	if opt.Env == nil {
		opt.Env = map[string]string{}
	}
	maps.Copy(opt.Env, env)
	replica := Start(s.t, opt)
	replica.Simulator = s.Simulator
	return replica
}

// Restart starts a new process with the same settings, perhaps on another port, after ending the one that runs.
func (s *Service) Restart() {
	s.t.Helper()
	if err := s.TryRestart(); err != nil {
		s.t.Fatal(err)
	}
}

// TryRestart is Restart for when a start may fail: without its database the service ends again.
func (s *Service) TryRestart() error {
	s.Kill()
	p := &process{ended: make(chan struct{})}
	var err error
	if p.log, err = newLines(s.Options.LogFile); err != nil {
		return err
	}
	if p.out, err = newLines(""); err != nil {
		return err
	}
	program := s.Options.Program
	if program == "" {
		program = Binary(s.t, s.Options.Build...)
	}
	p.cmd = exec.Command(program) //nolint:gosec // built by the test; ends with Kill, which cleanUp calls
	p.cmd.Env, p.cmd.Dir = s.Environment(), s.folder
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.SysProcAttr, p.cmd.WaitDelay = p.out, p.log, attributes(), 5*time.Second
	if err := p.cmd.Start(); err != nil {
		return errors.Join(err, p.log.close())
	}
	go func() {
		_ = p.cmd.Wait()  // the exit code stands in ProcessState
		_ = p.log.close() // an error is ignored: the test that reads the file notices what is missing
		close(p.ended)
	}()
	s.mu.Lock()
	s.run = p
	if s.Options.LogFile == "" {
		s.past = append(s.past, p)
	}
	s.mu.Unlock()
	select {
	case found := <-p.log.addresses:
		s.mu.Lock()
		p.url, p.admin = found[0], found[1]
		s.mu.Unlock()
		return nil
	case <-p.ended:
		return fmt.Errorf("the service ended at its start:\n%s", p.log)
	case <-time.After(startLimit):
		return fmt.Errorf("the service does not listen after %s:\n%s", startLimit, p.log)
	}
}

// Environment is what its processes are started with: nothing of the test's own but what a process needs to run.
func (s *Service) Environment() []string {
	env := map[string]string{
		"ADDR": "127.0.0.1:0", "ADMIN_ADDR": "127.0.0.1:0", "DATA_DIR": s.folder,
		"DATABASE_URL": s.Options.DatabaseURL, "REDIS_URL": s.Options.RedisURL, "SECRET_KEY": SecretKey,
		"PROVIDER_URL": s.Options.ProviderURL, "PROVIDER_SECRET_KEY": providerKey,
		"PROVIDER_WEBHOOK_SECRET": "whsec_that_is_to_come," + WebhookSecret,
		"DB_MAX_CONNS":            "10", "RATE_LIMIT": "off", "SHUTDOWN_DELAY": "0s", "LOG_FORMAT": "json", "LOG_LEVEL": "debug",
		"PATH": os.Getenv("PATH"), "HOME": s.folder, "GORACE": "halt_on_error=0",
	}
	maps.Copy(env, s.Options.Env)
	var list []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		list = append(list, name+"="+env[name])
	}
	return list
}

func (s *Service) current() *process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.run
}

// URL is where the API listens now.
func (s *Service) URL() string { s.mu.Lock(); defer s.mu.Unlock(); return s.run.url }

// AdminURL is where metrics are served now.
func (s *Service) AdminURL() string { s.mu.Lock(); defer s.mu.Unlock(); return s.run.admin }

// Pid is the process id of its present life, or of its last one.
func (s *Service) Pid() int { return s.current().cmd.Process.Pid }

// Log is what the running or last process wrote to stderr so far.
func (s *Service) Log() string { return s.current().log.String() }

// BlockLog stops reading what the process writes, until the function that it returns is called.
func (s *Service) BlockLog() (unblock func()) {
	l := s.current().log
	l.reading.Lock()
	unblock = sync.OnceFunc(l.reading.Unlock)
	s.t.Cleanup(unblock)
	return unblock
}

// Output is what it wrote to stdout so far.
func (s *Service) Output() string { return s.current().out.String() }

// Signal sends a signal to the process.
func (s *Service) Signal(sig syscall.Signal) {
	s.t.Helper()
	p := s.current()
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Errorf("send %v to the service: %v", sig, err)
	}
}

// Kill ends the process as a crash would, and waits until it is gone. It may be frozen or gone already.
func (s *Service) Kill() {
	s.t.Helper()
	p := s.current()
	if p == nil {
		return
	}
	_ = p.cmd.Process.Kill() // an error says that it is gone
	s.wait(p)
}

// Stop asks the process to end, waits until it has, and returns its exit code.
func (s *Service) Stop() (exitCode int) {
	s.t.Helper()
	s.Signal(syscall.SIGTERM)
	return s.Wait()
}

// Wait waits until the process has ended by itself, after one signal perhaps, and returns its exit code.
func (s *Service) Wait() (exitCode int) {
	s.t.Helper()
	p := s.current()
	s.wait(p)
	return p.cmd.ProcessState.ExitCode()
}

func (s *Service) wait(p *process) {
	s.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(stopLimit):
		_ = p.cmd.Process.Kill()
		s.t.Errorf("the service did not end within %s", stopLimit)
		<-p.ended
	}
}

// broken finds what no log may hold: an API key of any merchant, a data race, a crash of the process.
var broken = regexp.MustCompile(`sk_(?:test|live)_[a-z2-7]{20}_[a-z2-7]+|WARNING: DATA RACE|(?m:^panic: )|(?m:^fatal error: )`)

// notable is the end of a log without the requests that went well.
func notable(text string) string {
	const most = 40
	var kept []string
	for line := range strings.SplitSeq(text, "\n") {
		if !strings.Contains(line, `"msg":"request"`) || strings.Contains(line, `"status":5`) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept[max(0, len(kept)-most):], "\n")
}

func (s *Service) cleanUp() {
	s.Kill()
	for _, p := range s.past {
		text := p.log.String() + p.out.String()
		for _, secret := range s.secrets {
			if strings.Contains(text, secret) {
				s.t.Errorf("a secret stands in the service's log")
			}
		}
		if found := broken.FindStringIndex(text); found != nil {
			s.t.Errorf("the service's log holds what it must not:\n%s", text[max(0, found[0]-300):min(len(text), found[1]+3000)])
		}
		if s.t.Failed() {
			s.t.Logf("the service's log:\n%s", notable(p.log.String()))
		}
	}
}
