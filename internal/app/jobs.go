package app

import (
	"context"
	"time"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/internal/jobs"
	"github.com/payonce/payonce/internal/metrics"
)

const (
	recoveryBatch = 16 // each holds a call to the provider open
	// cleanupBatch rows a transaction touch pages all over an index, and each page's first change goes to the WAL whole; what
	// others commit meanwhile waits behind that. So batches are small, and cleanup rests for most of the time.
	cleanupBatch = 100
	cleanupRest  = 4
	// Due checks are looked for more often than what a crash has left: each pause of their schedule grows by the time until the next
	// look, and what is due is read from an index that is empty most of the time.
	checksPerRecovery = 8
	shortestChecks    = 100 * time.Millisecond

	keyUseInterval = 10 * time.Second // of the look for keys whose use is to be written: once in ten minutes for each
)

// checkInterval is the pause between two looks for due checks.
func checkInterval(recovery time.Duration) time.Duration {
	return min(recovery, max(recovery/checksPerRecovery, shortestChecks))
}

// startJobs runs recovery, checks, cleanup and what looks for obstacles to them until the runner is stopped.
func (a *App) startJobs(ctx context.Context) *jobs.Runner {
	recovery, cleanup := a.Config.RecoveryInterval, a.Config.CleanupInterval
	locked := &lockedDue{records: a.store.Locked, attempts: a.attempts.Locked, metrics: a.Metrics, log: a.Log}
	return jobs.Start(ctx, a.Log, a.traced(a.counted(append(append(a.webhookJobs(), a.forgetting()...),
		jobs.Job{Name: "recovery", Interval: recovery, Batch: recoveryBatch, Run: a.Engine.Recover},
		jobs.Job{
			Name: "checks", Interval: checkInterval(recovery), Batch: recoveryBatch, Run: a.operations.CheckDue, Wake: a.dueChecks,
		},
		jobs.Job{Name: "provider's events", Interval: recovery, Batch: recoveryBatch, Run: a.inbox.Work, Wake: a.dueEvents},
		jobs.Job{Name: "expired authorizations", Interval: recovery, Batch: recoveryBatch, Run: a.operations.EndExpired},
		jobs.Job{Name: "left challenges", Interval: recovery, Batch: recoveryBatch, Run: a.operations.EndLeft},
		jobs.Job{Name: "undos", Interval: recovery, Batch: recoveryBatch, Run: a.operations.UndoDue},
		jobs.Job{Name: "expire", Interval: cleanup, Batch: cleanupBatch, Rest: cleanupRest, Run: a.swept(metrics.SweptExpired, a.store.Expire)},
		jobs.Job{Name: "old provider's events", Interval: cleanup, Batch: cleanupBatch, Rest: cleanupRest, Run: a.swept(metrics.SweptProviderEvents, a.inbox.Forget)},
		jobs.Job{Name: "use of API keys", Interval: keyUseInterval, Batch: cleanupBatch, Rest: cleanupRest, Run: a.authenticator.WriteUse},
		jobs.Job{Name: "unresolved", Interval: recovery, Batch: 1, Run: a.measureUnresolved},
		jobs.Job{Name: "half-sent batches", Interval: postgres.StuckInterval, Batch: 1, Run: a.endStuckSessions},
		jobs.Job{Name: "locked records", Interval: lockedInterval, Batch: 1, Run: locked.look},
		jobs.Job{Name: "cleanup backlog", Interval: cleanup, Batch: 1, Run: a.measureCleanup},
	)))...)
}

// counted lets the metrics show which jobs go on, and which fail.
func (a *App) counted(all []jobs.Job) []jobs.Job {
	for i := range all {
		ended, run := a.Metrics.Job(all[i].Name), all[i].Run
		all[i].Run = func(ctx context.Context, batch int) (int, error) {
			did, err := run(ctx, batch)
			ended(err != nil && ctx.Err() == nil)
			return did, err
		}
	}
	return all
}

// CheckSoon begins a round of checks before its time.
func (a *App) CheckSoon() { signal(a.dueChecks) }

// notified begins what a notification of the provider's has made due.
func (a *App) notified() {
	signal(a.dueChecks)
	signal(a.dueEvents)
}

// signal never waits: a round that begins later sees what is due now.
func signal(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

func (a *App) swept(kind string, sweep func(context.Context, int) (int, error)) func(context.Context, int) (int, error) {
	return func(ctx context.Context, batch int) (int, error) {
		rows, err := sweep(ctx, batch)
		a.Metrics.Swept(kind, rows)
		return rows, err
	}
}

func (a *App) measureCleanup(ctx context.Context, _ int) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	expired, forgotten, err := a.store.CleanupDue(ctx)
	if err != nil {
		return 0, err
	}
	a.Metrics.CleanupDue(metrics.SweptExpired, expired)
	a.Metrics.CleanupDue(metrics.SweptForgotten, forgotten)
	return 0, nil
}

func (a *App) measureUnresolved(ctx context.Context, _ int) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	age, err := a.attempts.Oldest(ctx)
	if err != nil {
		return 0, err
	}
	a.Metrics.Unresolved(age)
	open, age, err := a.discrepancies.Open(ctx)
	if err != nil {
		return 0, err
	}
	a.Metrics.Discrepancies(open, age)
	if age, err = a.payments.OldestWaiting(ctx); err != nil {
		return 0, err
	}
	a.Metrics.Waiting(age)
	if age, err = a.undos.Oldest(ctx); err != nil {
		return 0, err
	}
	a.Metrics.Undo(age)
	return 0, nil
}
