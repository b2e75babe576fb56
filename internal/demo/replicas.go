package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/internal/embedded"
)

// startLimit is far above what a start takes, also on a busy machine.
const startLimit = time.Minute

// The replicas of a side.
const (
	replicaA = iota
	replicaB
	replicas
)

// side is one of the two services that are compared: the plain one, or payonce.
type side struct {
	protected bool
	merchant  string // as the provider's book names it
	tenant    uuid.UUID
	apiKey    string
	replicas  [replicas]*replica
}

// open starts both replicas at once.
func (s *side) open(ctx context.Context, command string, settings []string) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the running program: %w", err)
	}
	var errs [replicas]error
	var group sync.WaitGroup
	for i := range s.replicas {
		s.replicas[i] = &replica{program: program, command: command, settings: settings}
		group.Go(func() { errs[i] = s.replicas[i].start(ctx) })
	}
	group.Wait()
	return errors.Join(errs[:]...)
}

func (s *side) kill() {
	var group sync.WaitGroup
	for _, r := range s.replicas {
		if r != nil {
			group.Go(r.kill)
		}
	}
	group.Wait()
}

// replica is one process of a service.
type replica struct {
	program, command string
	settings         []string
	process          *embedded.Process
	url              string
}

// start runs the process and returns when it listens. A replica that was killed may be started again, at another port.
func (r *replica) start(ctx context.Context) error {
	said := &output{address: make(chan string, 1)}
	cmd := exec.Command(r.program, r.command) //nolint:noctx // ends with kill, or with us
	cmd.Env, cmd.Dir, cmd.Stderr, cmd.WaitDelay = r.settings, "/", said, time.Second
	var err error
	if r.process, err = embedded.StartProcess(cmd); err != nil {
		return err
	}
	select {
	case r.url = <-said.address:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-r.process.Done():
		return fmt.Errorf("`%s` ended at its start: %s", r.command, said)
	case <-time.After(startLimit):
		return fmt.Errorf("`%s` does not listen after %s: %s", r.command, startLimit, said)
	}
}

// kill is kill -9: the process gets no chance to finish anything.
func (r *replica) kill() {
	if r.process != nil {
		r.process.Kill()
	}
}

// freeze stops the process in the middle of whatever it does, until thaw.
func (r *replica) freeze(context.Context) error { return freezeProcess(r.process) }

func (r *replica) thaw(context.Context) error { return thawProcess(r.process) }

// output is the beginning of what a process writes to stderr, and the address that stands in it.
type output struct {
	mu      sync.Mutex
	text    bytes.Buffer
	told    bool
	address chan string
}

// enough is far more than a start writes; what comes later is not kept.
const enough = 16 << 10

var listening = regexp.MustCompile(`(?m)^listening on (http://\S+)$`)

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.text.Len() > enough {
		return len(p), nil
	}
	o.text.Write(p)
	if found := listening.FindSubmatch(o.text.Bytes()); found != nil && !o.told {
		o.told = true
		o.address <- string(found[1])
	}
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
