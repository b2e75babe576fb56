package jobs_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/payonce/payonce/internal/jobs"
)

func TestAJobRunsAtItsIntervalAndAtOnceWhileItsBatchIsFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		begin := time.Now()
		runner := jobs.Start(t.Context(), slog.New(slog.DiscardHandler), jobs.Job{
			Name: "sweep", Interval: time.Minute, Batch: 10,
			Run: func(_ context.Context, batch int) (int, error) {
				at = append(at, time.Since(begin))
				if len(at) < 3 {
					return batch, nil
				}
				return 0, nil
			},
		})
		time.Sleep(10 * time.Minute) //nolint:forbidigo // the bubble's clock
		runner.Stop()
		if at[0] != 0 || at[1] != 0 || at[2] != 0 {
			t.Errorf("full batches waited: %v", at[:3])
		}
		if n := len(at); n < 10 || n > 16 { // jittered by a fifth
			t.Errorf("%d runs in ten minutes: %v", n, at)
		}
	})
}

func TestAJobThatRestsLeavesTheTimeBetweenFullBatchesToOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		begin := time.Now()
		runner := jobs.Start(t.Context(), slog.New(slog.DiscardHandler), jobs.Job{
			Name: "sweep", Interval: time.Hour, Batch: 10, Rest: 3,
			Run: func(_ context.Context, batch int) (int, error) {
				at = append(at, time.Since(begin))
				time.Sleep(10 * time.Millisecond) //nolint:forbidigo // the bubble's clock
				return batch, nil
			},
		})
		time.Sleep(100 * time.Millisecond) //nolint:forbidigo // the bubble's clock
		runner.Stop()
		if want := []time.Duration{0, 40 * time.Millisecond, 80 * time.Millisecond}; !slices.Equal(at, want) {
			t.Errorf("batches began at %v, want %v", at, want)
		}
	})
}

func TestAFailingJobIsLoggedOnceAndGoesOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		runs := 0
		runner := jobs.Start(t.Context(), slog.New(slog.NewTextHandler(&log, nil)), jobs.Job{
			Name: "sweep", Interval: time.Second, Batch: 1,
			Run: func(context.Context, int) (int, error) {
				runs++
				if runs <= 20 {
					return 0, errors.New("the store is away")
				}
				return 0, nil
			},
		})
		time.Sleep(time.Minute) //nolint:forbidigo // the bubble's clock
		runner.Stop()
		if fails, works := strings.Count(log.String(), "job fails"), strings.Count(log.String(), "job works again"); fails != 1 || works != 1 || runs < 30 {
			t.Errorf("%d runs, logged %d failures and %d recoveries", runs, fails, works)
		}
	})
}

func TestStopWaitsForTheRoundThatIsUnderWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ended := false
		runner := jobs.Start(t.Context(), slog.New(slog.DiscardHandler), jobs.Job{
			Name: "slow", Interval: time.Second, Batch: 1,
			Run: func(ctx context.Context, _ int) (int, error) {
				<-ctx.Done()
				time.Sleep(time.Second) //nolint:forbidigo // the bubble's clock
				ended = true
				return 0, ctx.Err()
			},
		})
		synctest.Wait()
		runner.Stop()
		if !ended {
			t.Error("Stop did not wait")
		}
	})
}
