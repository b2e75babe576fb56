package app

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/payonce/payonce/internal/metrics"
)

// lockedInterval is how often locked records are counted; two counts in a row are logged.
const lockedInterval = 5 * time.Second

// endStuckSessions ends own sessions that wait for the rest of a batch. Where that isn't allowed the job fails, and the
// runner says so once.
func (a *App) endStuckSessions(ctx context.Context, _ int) (int, error) {
	ended, err := a.stuck.End(ctx)
	a.Metrics.SessionsEnded(ended)
	return 0, err
}

// lockedDue reports what is due and can't be recovered, because a transaction holds it.
type lockedDue struct {
	records, attempts func(context.Context) (int, error)
	metrics           *metrics.Metrics
	log               *slog.Logger
	before            bool // something was locked at the last look, too: no transaction takes that long
	told              bool
}

// look logs when something stays locked and when nothing does any more.
func (l *lockedDue) look(ctx context.Context, _ int) (int, error) {
	records, err := l.records(ctx)
	attempts, otherErr := l.attempts(ctx)
	if err := errors.Join(err, otherErr); err != nil {
		return 0, err
	}
	l.metrics.LockedDue(metrics.LockedRecord, records)
	l.metrics.LockedDue(metrics.LockedAttempt, attempts)
	locked := records+attempts > 0
	switch {
	case locked && l.before && !l.told:
		l.told = true
		l.log.WarnContext(ctx, "what is due can't be recovered: a transaction holds it", "records", records, "attempts", attempts)
	case !locked && !l.before && l.told:
		l.told = false
		l.log.InfoContext(ctx, "nothing that is due is held any more")
	}
	l.before = locked
	return 0, nil
}
