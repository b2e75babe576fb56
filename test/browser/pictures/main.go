// Command pictures makes the pictures in docs/images. It starts the service as a person does, in a folder that is thrown away, and
// leaves the rest to pictures.mjs:
//
//	go run ./test/browser/pictures screenshots    the pages, at both widths and in both colour schemes
//	go run ./test/browser/pictures recording      the demo page and the terminal demo, as animated SVG
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pictures:", err)
		os.Exit(1)
	}
}

func run(args []string) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(args) != 1 || (args[0] != "screenshots" && args[0] != "recording") {
		return errors.New("want one argument: screenshots or recording")
	}
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		return fmt.Errorf("chromium is needed: %w", err)
	}
	folder, err := os.MkdirTemp("", "payonce-pictures-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	if err := os.Chmod(folder, 0o711); err != nil { //nolint:gosec // the private PostgreSQL's own user has to pass
		return err
	}
	program := filepath.Join(folder, "payonce")
	if err := command(ctx, "go", "build", "-o", program, ".").Run(); err != nil {
		return fmt.Errorf("build the service: %w", err)
	}
	url, end, err := serve(ctx, program, folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	script := command(ctx, "node", "pictures.mjs", args[0], url, program)
	script.Dir, script.Env = "test/browser", append(os.Environ(), "CHROMIUM="+chromium)
	return script.Run()
}

func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, args...)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	return c
}

// serve starts the service on free ports, and returns where it listens.
func serve(ctx context.Context, program, folder string) (url string, end func() error, err error) {
	service := exec.CommandContext(ctx, program)
	service.Env = append(os.Environ(), "ADDR=127.0.0.1:0", "ADMIN_ADDR=127.0.0.1:0", "DATA_DIR="+filepath.Join(folder, "data"))
	service.Cancel = func() error { return service.Process.Signal(syscall.SIGTERM) }
	service.WaitDelay = 30 * time.Second
	output, err := service.StderrPipe()
	if err != nil {
		return "", nil, err
	}
	if err := service.Start(); err != nil {
		return "", nil, err
	}
	end = func() error { return errors.Join(service.Cancel(), service.Wait()) }
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		if url, found := strings.CutPrefix(lines.Text(), "listening on "); found {
			go func() { _, _ = io.Copy(io.Discard, output) }() // its log is of no interest from here on
			return url, end, nil
		}
		fmt.Fprintln(os.Stderr, lines.Text())
	}
	return "", nil, errors.Join(errors.New("the service does not listen"), end())
}
