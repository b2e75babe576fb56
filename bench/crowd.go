package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// crowd is a process that sends copies of one request (see bench/baseline).
type crowd struct {
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *bufio.Reader
	errors strings.Builder
}

// crowd starts the process and returns when all its connections are open.
func (s *stage) crowd(ctx context.Context, address string, copies int, within time.Duration, request []byte) (*crowd, error) {
	c := &crowd{}
	c.cmd = exec.CommandContext(ctx, filepath.Join(s.programs, "baseline"), "copies", address, strconv.Itoa(copies),
		within.String(), base64.StdEncoding.EncodeToString(request))
	c.cmd.Stderr, c.cmd.SysProcAttr = &c.errors, attributes()
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.stdout = bufio.NewReader(stdout)
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	if line, err := c.stdout.ReadString('\n'); err != nil || line != "ready\n" {
		return nil, errors.Join(fmt.Errorf("the crowd is not ready: %q %w", line, err), c.end())
	}
	return c, nil
}

// begin lets the copies go.
func (c *crowd) begin() error {
	_, err := io.WriteString(c.stdin, "now\n")
	return err
}

// finished waits until every copy has its answer, the same one.
func (c *crowd) finished() error {
	if _, err := c.stdout.ReadString('\n'); err != nil {
		return fmt.Errorf("the crowd gave up: %w", err)
	}
	return nil
}

// end waits for the process.
func (c *crowd) end() error {
	_ = c.stdin.Close()
	if err := c.cmd.Wait(); err != nil {
		return fmt.Errorf("the crowd: %w: %s", err, strings.TrimSpace(c.errors.String()))
	}
	return nil
}
