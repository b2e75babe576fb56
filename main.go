// Command payonce is a payments service in which a request that is sent twice happens once.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/payonce/payonce/internal/app"
	"github.com/payonce/payonce/internal/config"
	"github.com/payonce/payonce/internal/demo"
	"github.com/payonce/payonce/internal/logging"
)

// version is set by the linker (see the Makefile); empty: what the module says.
var version string

func main() { os.Exit(run()) }

func run() int {
	command, err := config.Parse(os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		if _, serves := command.(*config.Serve); serves {
			endAtSecondSignal()
		}
		err = execute(ctx, command)
	}
	if err != nil && !errors.Is(err, config.ErrHelp) {
		_, _ = fmt.Fprintln(os.Stderr, "payonce:", err)
	}
	return config.ExitCode(err)
}

// endAtSecondSignal ends the process at the second signal. The channel keeps a signal that comes right behind the first one:
// with signal.Stop at the first, it would be lost until Stop has run.
func endAtSecondSignal() {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		<-signals
		os.Exit(1)
	}()
}

func execute(ctx context.Context, command config.Command) error {
	level, json := command.Log()
	log := logging.New(os.Stderr, level, json)
	defer func() {
		log.Close()
		select {
		case <-log.Done():
		case <-time.After(time.Second): // what reads the log is stuck; the process isn't
		}
	}()
	switch c := command.(type) {
	case *config.Serve:
		return app.Serve(ctx, c.Config, app.Program{
			Version: version, Log: log.Logger, DroppedLines: log.Dropped, Out: os.Stdout, ErrOut: os.Stderr,
		}, routes)
	case *config.Demo:
		return demo.Run(ctx, c, log.Logger, os.Stdout)
	case *config.Naive:
		return demo.ServeNaive(ctx, c.Config, log.Logger, os.Stderr)
	case *config.MerchantCreate:
		return app.CreateMerchant(ctx, c, log.Logger, os.Stdout)
	case *config.MerchantList:
		return app.ListMerchants(ctx, c, log.Logger, os.Stdout)
	case *config.KeyCreate:
		return app.CreateKey(ctx, c, log.Logger, os.Stdout)
	case *config.KeyList:
		return app.ListKeys(ctx, c, log.Logger, os.Stdout)
	case *config.KeyRevoke:
		return app.RevokeKey(ctx, c, log.Logger, os.Stdout)
	case *config.Migrate:
		return app.Migrate(ctx, c, log.Logger, os.Stdout)
	case *config.Listen:
		return app.Listen(ctx, c, os.Stdout)
	case *config.Reconcile:
		return app.Reconcile(ctx, c, log.Logger, os.Stdout, os.Stderr)
	case *config.ArchiveRun:
		return app.Archive(ctx, c, log.Logger, os.Stdout, os.Stderr)
	case *config.ArchiveFind:
		return app.FindArchived(ctx, c, os.Stdout)
	case *config.ArchiveVerify:
		return app.VerifyArchive(ctx, c, log.Logger, os.Stdout)
	case *config.Simulator:
		return app.Simulate(ctx, c, log.Logger, os.Stdout, os.Stderr)
	case *config.Healthcheck:
		return app.CheckHealth(ctx, c.Config)
	case *config.Version:
		return app.Version(os.Stdout, version)
	}
	return fmt.Errorf("command %T is not wired", command)
}
