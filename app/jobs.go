package app

import (
	"context"
	"time"

	"github.com/payonce/payonce/jobs"
)

const (
	recoveryBatch = 16 // each holds a call to the provider open
	// cleanupBatch rows a transaction touch pages all over an index, and each page's first change goes to the WAL whole; what
	// others commit meanwhile waits behind that. So batches are small, and cleanup rests for most of the time.
	cleanupBatch = 100
	cleanupRest  = 4
)

// startJobs runs recovery, checks and cleanup until the runner is stopped.
func (a *App) startJobs(ctx context.Context) *jobs.Runner {
	recovery, cleanup := a.Config.RecoveryInterval, a.Config.CleanupInterval
	return jobs.Start(ctx, a.Log,
		jobs.Job{Name: "recovery", Interval: recovery, Batch: recoveryBatch, Run: a.Engine.Recover},
		jobs.Job{Name: "checks", Interval: recovery, Batch: recoveryBatch, Run: a.operations.CheckDue},
		jobs.Job{Name: "expire", Interval: cleanup, Batch: cleanupBatch, Rest: cleanupRest, Run: a.swept("expired", a.store.Expire)},
		jobs.Job{Name: "forget", Interval: cleanup, Batch: cleanupBatch, Rest: cleanupRest, Run: a.swept("forgotten", a.store.Forget)},
		jobs.Job{Name: "unresolved", Interval: recovery, Batch: 1, Run: a.measureUnresolved},
	)
}

func (a *App) swept(kind string, sweep func(context.Context, int) (int, error)) func(context.Context, int) (int, error) {
	return func(ctx context.Context, batch int) (int, error) {
		rows, err := sweep(ctx, batch)
		a.Metrics.Swept(kind, rows)
		return rows, err
	}
}

func (a *App) measureUnresolved(ctx context.Context, _ int) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	age, err := a.attempts.Oldest(ctx)
	if err == nil {
		a.Metrics.Unresolved(age)
	}
	return 0, err
}
