//go:build unix

package archive

import (
	"fmt"
	"log/slog"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/archive"
	"github.com/payonce/payonce/repository"
	"github.com/payonce/payonce/test/service"
)

// The environment of a process that archives and kills itself at a step.
const (
	killedAt  = "PAYONCE_TEST_KILLED_AT" // a step; empty: it isn't killed
	killedNth = "PAYONCE_TEST_KILLED_NTH"
	killedURL = "PAYONCE_TEST_DATABASE"
	killedDir = "PAYONCE_TEST_ARCHIVE"
	killedOf  = "PAYONCE_TEST_KIND"
)

func TestMain(m *testing.M) {
	if os.Getenv(killedURL) != "" {
		os.Exit(archiveAndDie())
	}
	os.Exit(service.Main(m))
}

// archiveAndDie archives in small batches and files until nothing is left, or until it is killed as by kill -9.
func archiveAndDie() (exitCode int) {
	var nth int
	if _, err := fmt.Sscan(os.Getenv(killedNth), &nth); err != nil {
		return fail(err)
	}
	db, err := postgres.Open(os.Getenv(killedURL), postgres.Options{MaxConns: 2})
	if err != nil {
		return fail(err)
	}
	cfg := archive.Config{
		Dir: os.Getenv(killedDir), Files: repository.NewArchives(db), Log: slog.New(slog.NewTextHandler(os.Stderr, nil)), MaxRecords: 2 * smallBatch,
		Reached: func(step archive.Step) {
			if string(step) == os.Getenv(killedAt) {
				if nth--; nth == 0 {
					_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
					select {}
				}
			}
		},
	}
	if os.Getenv(killedOf) == "events" {
		events := archive.NewEvents(cfg, repository.NewEvents(db), repository.NewMerchants(db.GORM()))
		_, err = events.Run(ctx(), smallBatch, time.Now().Add(time.Hour), func(int) error { return nil })
		if err == nil {
			err = events.Close(ctx())
		}
		return fail(err)
	}
	tombstones := archive.NewTombstones(cfg, postgres.NewStore(db, nil, postgres.StoreOptions{Tombstones: time.Second}))
	for n := 1; n > 0 && err == nil; {
		n, err = tombstones.Run(ctx(), smallBatch, time.Time{})
	}
	if err == nil {
		err = tombstones.Close(ctx())
	}
	return fail(err)
}

func fail(err error) (exitCode int) {
	if err == nil {
		return 0
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}
