package idempotency

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// Upkeep says how often an engine looks after its records; a zero field takes its default.
type Upkeep struct {
	Sweeper  Sweeper       // the store, as a rule; nil: this engine cleans nothing up, and without others the table grows for ever
	Recovery time.Duration // pause between two looks for claims whose owner is gone; default 2 s
	Cleanup  time.Duration // pause between two looks for responses and tombstones whose time is over; default 1 min
	Batch    int           // rows per transaction of the cleanup; default 100
}

// recoveryBatch is how many records are taken over at once: each holds a call to the provider open.
const recoveryBatch = 16

// cleanupRest is how many times as long as it worked the cleanup rests between two full batches: live traffic is not to
// wait for it.
const cleanupRest = 4

// Run does what an engine needs beside its requests, until the context ends, and returns when its last round has ended:
// it brings operations to their end whose owner is gone (where there is a Resumer), and turns responses into tombstones
// and deletes those when their time is over (where upkeep has a Sweeper). Every replica may run it. A failure is logged when it begins and when it is over, and tried again.
func (e *Engine[T]) Run(ctx context.Context, upkeep Upkeep) {
	recovery, cleanup := positive(upkeep.Recovery, 2*time.Second), positive(upkeep.Cleanup, time.Minute)
	var group sync.WaitGroup
	if e.resumer != nil {
		group.Go(func() { e.repeat(ctx, job{"recovery", recovery, recoveryBatch, 0, e.Recover}) })
	}
	if sweeper := upkeep.Sweeper; sweeper != nil {
		batch := positive(upkeep.Batch, 100)
		group.Go(func() { e.repeat(ctx, job{"expire", cleanup, batch, cleanupRest, sweeper.Expire}) })
		group.Go(func() { e.repeat(ctx, job{"forget", cleanup, batch, cleanupRest, sweeper.Forget}) })
	}
	group.Wait()
}

// job is done again and again. A round that filled its batch is followed by the next after a rest of rest times what it took.
type job struct {
	name     string
	interval time.Duration
	batch    int
	rest     int
	run      func(ctx context.Context, limit int) (int, error)
}

func (e *Engine[T]) repeat(ctx context.Context, j job) {
	failing := false
	for ctx.Err() == nil {
		began := time.Now()
		did, err := j.run(ctx, j.batch)
		if ctx.Err() != nil {
			return
		}
		if failed := err != nil; failed != failing {
			failing = failed
			e.report(ctx, j, err)
		}
		pause := j.interval - j.interval/5 + rand.N(2*j.interval/5+1) // replicas that started together don't keep asking together
		if err == nil && did >= j.batch {
			pause = time.Duration(j.rest) * time.Since(began)
		}
		sleep(ctx, pause)
	}
}

func (e *Engine[T]) report(ctx context.Context, j job, err error) {
	if err == nil {
		e.opt.Log.InfoContext(ctx, "upkeep works again", "job", j.name)
		return
	}
	e.opt.Log.WarnContext(ctx, "upkeep fails; it is tried again", "job", j.name, "error", err)
}
