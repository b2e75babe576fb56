package demo

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"

	"github.com/payonce/payonce/internal/config"
)

// TestMain also is the plain service: a replica runs the program that it is started by, which in a test is this one.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "naive" {
		if err := serveNaive(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func serveNaive() error {
	command, err := config.Parse(os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	if err != nil {
		return err
	}
	naive, ok := command.(*config.Naive)
	if !ok {
		return fmt.Errorf("%T is another command", command)
	}
	return ServeNaive(context.Background(), naive.Config, slog.New(slog.DiscardHandler), os.Stderr)
}
