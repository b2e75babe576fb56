package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/archive"
	"github.com/payonce/payonce/internal/config"
	"github.com/payonce/payonce/internal/jobs"
	"github.com/payonce/payonce/internal/metrics"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
)

// archiveBatch rows are one transaction of the command's, which waits for the disk: larger ones than the job's, which runs all the time.
const archiveBatch = 1000

// Archive moves old tombstones to files, or copies events there.
func Archive(ctx context.Context, c *config.ArchiveRun, log *slog.Logger, out, errOut io.Writer) error {
	if err := os.MkdirAll(c.To, 0o700); err != nil {
		return fmt.Errorf("make the archive's folder: %w", err)
	}
	return withArchives(ctx, c.Config, log, func(db *postgres.Database, files *repository.Archives) error {
		began := time.Now()
		cfg := archive.Config{Dir: c.To, Files: files, Log: log}
		line := newProgressLine(errOut)
		archived, what := 0, "tombstones moved"
		run := archiveTombstones
		if c.Events {
			run, what = archiveEvents, "events copied"
		}
		err := run(ctx, c, db, cfg, func(n int) {
			archived = n
			line.print("%d %s", n, what)
		})
		line.clear()
		if err != nil {
			return fmt.Errorf("%d %s, not all: %w", archived, what, err)
		}
		if c.JSON {
			return json.NewEncoder(out).Encode(struct {
				Kind     models.ArchiveKind `json:"kind"`
				Archived int                `json:"archived"`
				Dir      string             `json:"dir"`
				Seconds  float64            `json:"seconds"`
			}{kindOf(c.Events), archived, c.To, time.Since(began).Seconds()})
		}
		_, err = fmt.Fprintf(out, "%d %s to %s in %s\n", archived, what, c.To, time.Since(began).Round(time.Millisecond))
		return err
	})
}

func kindOf(events bool) models.ArchiveKind {
	if events {
		return models.ArchiveEvents
	}
	return models.ArchiveTombstones
}

// errInterrupted: what is archived is sealed, and the rest is as it was.
var errInterrupted = errors.New("interrupted; run it again for the rest")

func archiveTombstones(ctx context.Context, c *config.ArchiveRun, db *postgres.Database, cfg archive.Config, progress func(int)) (err error) {
	// No primary is named: records that are only deleted are stamped with no timeline.
	tombstones := archive.NewTombstones(cfg, postgres.NewStore(db, nil, postgres.StoreOptions{Tombstones: c.IdempotencyTombstoneRetention}))
	batches := context.WithoutCancel(ctx)
	defer func() { err = errors.Join(err, tombstones.Close(batches)) }()
	for total, n := 0, 1; n > 0; {
		if ctx.Err() != nil {
			return errInterrupted
		}
		if n, err = tombstones.Run(batches, archiveBatch, c.Time()); err != nil {
			return err
		}
		total += n
		progress(total)
	}
	return nil
}

func archiveEvents(ctx context.Context, c *config.ArchiveRun, db *postgres.Database, cfg archive.Config, progress func(int)) (err error) {
	events := archive.NewEvents(cfg, repository.NewEvents(db), repository.NewMerchants(db.GORM()))
	batches := context.WithoutCancel(ctx)
	defer func() { err = errors.Join(err, events.Close(batches)) }()
	_, err = events.Run(batches, archiveBatch, c.Time(), func(copied int) error {
		progress(copied)
		if ctx.Err() != nil {
			return errInterrupted
		}
		return nil
	})
	return err
}

func withArchives(ctx context.Context, cfg config.Config, log *slog.Logger, run func(*postgres.Database, *repository.Archives) error) error {
	return withDatabase(ctx, cfg, log, func(url string) (err error) {
		if err := migrate(ctx, url, log); err != nil {
			return err
		}
		db, err := postgres.Open(url, postgres.Options{MaxConns: 2, ExecMode: cfg.DBExecMode, Log: log})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		return run(db, repository.NewArchives(db))
	})
}

// FindArchived shows what the archive has of a key.
func FindArchived(ctx context.Context, c *config.ArchiveFind, out io.Writer) error {
	key, err := idempotency.NewKey(c.Key)
	if err != nil {
		return err
	}
	if c.Merchant != "" {
		if _, err := models.ParseID(models.PrefixMerchant, c.Merchant); err != nil {
			return fmt.Errorf("--merchant: %w", err)
		}
	}
	found, damaged := archive.Find(ctx, c.Dir, key.Hash(), c.Merchant)
	for _, f := range found {
		text, err := json.MarshalIndent(f, "", "  ")
		if c.JSON {
			text, err = json.Marshal(f)
		}
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "%s\n", text); err != nil {
			return err
		}
	}
	if damaged == nil && len(found) == 0 {
		return fmt.Errorf("%s has nothing of this key", c.Dir)
	}
	return damaged
}

// VerifyArchive reads the whole archive and says what is wrong with it.
func VerifyArchive(ctx context.Context, c *config.ArchiveVerify, log *slog.Logger, out io.Writer) error {
	var report *archive.Report
	verify := func(files *repository.Archives) (err error) {
		report, err = archive.Verify(ctx, c.Dir, files)
		return err
	}
	var err error
	if c.Database {
		err = withArchives(ctx, c.Config, log, func(_ *postgres.Database, files *repository.Archives) error { return verify(files) })
	} else {
		err = verify(nil)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		err = json.NewEncoder(out).Encode(report)
	} else {
		err = printReport(out, report)
	}
	switch {
	case err != nil:
		return err
	case len(report.Problems) > 0:
		return fmt.Errorf("the archive is not as it was written: %d problems", len(report.Problems))
	case report.Duplicates > 0 && !c.AllowDuplicates:
		return fmt.Errorf("%d records are there twice: was the database restored from an older backup? then --allow-duplicates", report.Duplicates)
	}
	return nil
}

func printReport(out io.Writer, r *archive.Report) error {
	_, err := fmt.Fprintf(out, "archive %s: %d files, %d records, %d bytes; %d records twice; %d files not sealed yet\n",
		r.Archive, r.Files, r.Records, r.Bytes, r.Duplicates, r.Growing)
	for _, p := range r.Problems {
		if err == nil {
			_, err = fmt.Fprintf(out, "%s %s\n", p.File, p.What)
		}
	}
	return err
}

// archiveLimit bounds one batch of the archive, and the sealing of a file: a disk that is silent must not keep the service from ending.
const archiveLimit = 10 * time.Second

// backlogLimit bounds what is counted of the archive's backlog.
const backlogLimit = 100_000

// openArchive makes what moves tombstones to ARCHIVE_DIR, which is opened when there are some.
func (a *App) openArchive() {
	if a.Config.ArchiveDir != "" {
		a.archive = archive.NewTombstones(archive.Config{Dir: a.Config.ArchiveDir, Files: repository.NewArchives(a.db), Log: a.Log}, a.store)
	}
}

// forgetting are the jobs that take away tombstones whose retention is over: to the archive, where there is one, and no other way.
func (a *App) forgetting() []jobs.Job {
	cleanup := a.Config.CleanupInterval
	if a.archive == nil {
		return []jobs.Job{{Name: "forget", Interval: cleanup, Batch: cleanupBatch, Rest: cleanupRest, Run: a.swept(metrics.SweptForgotten, a.store.Forget)}}
	}
	backlog := a.Metrics.Archive()
	return []jobs.Job{
		{Name: "archive", Interval: cleanup, Batch: cleanupBatch, Rest: cleanupRest, Run: a.swept(metrics.SweptArchived, a.archiveBatch)},
		{Name: "archive backlog", Interval: cleanup, Batch: 1, Run: func(ctx context.Context, _ int) (int, error) {
			rows, err := a.archive.Backlog(ctx, backlogLimit)
			if err == nil {
				backlog(rows)
			}
			return 0, err
		}},
	}
}

// archiveBatch ends what it has begun when the service stops.
func (a *App) archiveBatch(ctx context.Context, batch int) (int, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), archiveLimit)
	defer cancel()
	return a.archive.Run(ctx, batch, time.Time{})
}

// closeArchive seals the file that grows.
func (a *App) closeArchive() error {
	if a.archive == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), archiveLimit)
	defer cancel()
	return a.archive.Close(ctx)
}
