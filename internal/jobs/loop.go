package jobs

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// Job is one piece of work that is done again and again. Run returns how much it did; as long as that fills its batch
// it is called again, after a rest of Rest times what the batch took.
type Job struct {
	Name     string
	Interval time.Duration
	Batch    int
	Rest     int // 3 leaves three quarters of the time to others; 0: none
	Run      func(ctx context.Context, batch int) (int, error)
	// Wake, when set, begins the next round before its time. What sends to it doesn't wait: a buffer of one is enough.
	Wake <-chan struct{}
}

// Runner owns the goroutines of its jobs.
type Runner struct {
	stop    context.CancelFunc
	running sync.WaitGroup
	log     *slog.Logger
}

// Start begins to run the jobs. A failure is logged when it begins and when it is over, not at each round.
func Start(ctx context.Context, log *slog.Logger, jobs ...Job) *Runner {
	ctx, stop := context.WithCancel(ctx)
	r := &Runner{stop: stop, log: log}
	for _, job := range jobs {
		r.running.Go(func() { r.loop(ctx, job) })
	}
	return r
}

// Stop ends the jobs and waits for the rounds that are under way.
func (r *Runner) Stop() {
	r.stop()
	r.running.Wait()
}

func (r *Runner) loop(ctx context.Context, job Job) {
	failing := false
	for {
		began := time.Now()
		did, err := job.Run(ctx, job.Batch)
		if ctx.Err() != nil {
			return
		}
		if failed := err != nil; failed != failing {
			failing = failed
			r.report(ctx, job, err)
		}
		// Jittered by a fifth: replicas that were started together don't keep asking together.
		pause := job.Interval - job.Interval/5 + rand.N(2*job.Interval/5+1)
		if err == nil && did >= job.Batch {
			pause = time.Duration(job.Rest) * time.Since(began)
		}
		if !rest(ctx, pause, job.Wake) {
			return
		}
	}
}

// rest pauses for d, or until it is woken, and reports whether ctx still goes on.
func rest(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

func (r *Runner) report(ctx context.Context, job Job, err error) {
	if err == nil {
		r.log.InfoContext(ctx, "job works again", "job", job.Name)
		return
	}
	r.log.WarnContext(ctx, "job fails; it is tried again", "job", job.Name, "error", err)
}
