package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	emptyTable = "empty"
	fullTable  = "full"
	// bytesPerRecord is what a record and its index entries take on the disk, generously.
	bytesPerRecord = 1200
	// walRoom is for the WAL, and for what the rounds write.
	walRoom = 6 << 30
	// cleanupWindow is long enough that a pause of some milliseconds is seen, and not all that is seen.
	cleanupWindow = 4 * time.Second
)

// growth compares a service on a table with many records with one on an empty table, and cleans up under load.
func (s *stage) growth(ctx context.Context, o options, r *report, progress func(string)) error {
	if err := enoughDisk(s.folder, o); err != nil {
		return err
	}
	empty, err := s.openSite(ctx, emptyTable, 0, nil)
	if err != nil {
		return err
	}
	full, err := s.openSite(ctx, fullTable, 1, nil)
	if err != nil {
		return err
	}
	for _, t := range []*site{empty, full} {
		if err := t.begin(ctx); err != nil {
			return err
		}
	}
	progress(fmt.Sprintf("filling: %d records", o.rows))
	began := time.Now()
	if err := full.fill(ctx, o.rows, progress); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	r.Notes = append(r.Notes, fmt.Sprintf("filled with %d records in %s", o.rows, time.Since(began).Round(time.Second)))
	for _, t := range []*site{empty, full} {
		if err := t.stockUp(ctx, o); err != nil {
			return err
		}
	}
	all, err := rounds(ctx, sideBySide(empty, full, o.only), o, progress)
	if err != nil {
		return err
	}
	r.add(all)
	r.Verdicts = growthVerdicts(all)
	if o.expired > 0 {
		return full.cleanUp(ctx, o, r, progress)
	}
	return nil
}

func enoughDisk(folder string, o options) error {
	free, err := freeDisk(folder)
	if err != nil {
		return err
	}
	if need := int64(o.rows+o.expired)*bytesPerRecord + walRoom; free < need {
		return fmt.Errorf("%s has %d MB free and %d MB are needed; choose fewer --rows or another --dir", folder, free>>20, need>>20)
	}
	return nil
}

// sideBySide pairs the variants of both sites.
func sideBySide(empty, full *site, only string) []*variant {
	var paired []*variant
	for _, name := range []string{replayMemory, replayRedis, firstOrder, firstPayment, replayPostgres} {
		for _, t := range []*site{empty, full} {
			for _, v := range inTurns(t.payonceVariants(), only) {
				if v.name == name {
					v.name += ", " + t.run
					paired = append(paired, v)
				}
			}
		}
	}
	return paired
}

const growthAim = 0.9

func growthVerdicts(all []*figures) []verdict {
	var list []verdict
	for _, name := range []string{firstOrder, firstPayment, replayMemory, replayRedis, replayPostgres} {
		over, under := find(all, name+", "+fullTable), find(all, name+", "+emptyTable)
		if over == nil || under == nil {
			continue
		}
		list = append(list, verdict{
			Name: name + ", full / empty table", Value: spreadOf(ratios(over.rates(), under.rates())),
			Processor: median(ratios(under.processor(), over.processor())), limit: growthAim,
		}.judge())
	}
	return list
}

// cleanUp lets a replica turn expired records into tombstones while another one serves, in windows: it is frozen in every
// other one.
func (t *site) cleanUp(ctx context.Context, o options, r *report, progress func(string)) error {
	progress(fmt.Sprintf("adding %d records whose time is over", o.expired))
	if _, err := t.copyRecords(ctx, o.expired, -time.Hour); err != nil {
		return err
	}
	if err := t.stage.settle(ctx, t.database); err != nil {
		return err
	}
	janitor, err := t.stage.child(ctx, "cleaning replica", "payonce", nil, t.env(t.database, t.redis, map[string]string{"CLEANUP_INTERVAL": "10ms"}))
	if err != nil {
		return err
	}
	if err := janitor.freeze(); err != nil {
		return err
	}
	before, err := t.due(ctx)
	if err != nil {
		return err
	}
	n := &neighbours{site: t, window: min(cleanupWindow, 2*o.window)}
	if _, err := n.wait(ctx); err != nil { // warms up
		return err
	}
	cleanup, quiet, windows := &disturbance{name: "during cleanup"}, &disturbance{name: "without"}, time.Duration(0)
	for left, round := before, 0; left > 0; round++ {
		progress(fmt.Sprintf("cleanup: %d of %d left", left, before))
		var still, cleaning []time.Duration
		for turn := range 2 {
			if (round+turn)%2 == 0 {
				still, err = n.wait(ctx)
			} else {
				cleaning, err = n.besideCleanup(ctx, janitor)
			}
			if err != nil {
				return err
			}
		}
		windows += n.window
		if left, err = t.due(ctx); err != nil {
			return err
		}
		if left > 0 || round == 0 { // in the last window there may have been nothing to clean for most of it
			cleanup.add(cleaning, still)
			quiet.add(still, still)
		}
		t.service.forgetLog()
		janitor.forgetLog()
	}
	r.Verdicts = append(r.Verdicts, cleanup.verdict(1.5))
	r.Notes = append(r.Notes, fmt.Sprintf("cleanup: %d records in %s; others: %d orders/s, %s, %s.", before, windows, besides, quiet.note(), cleanup.note()))
	return nil
}

// besideCleanup is the traffic while the replica that cleans up is awake.
func (n *neighbours) besideCleanup(ctx context.Context, janitor *child) ([]time.Duration, error) {
	if err := janitor.thaw(); err != nil {
		return nil, err
	}
	latencies, err := n.wait(ctx)
	return latencies, errors.Join(err, janitor.freeze())
}

// due is how many records are to be cleaned up.
func (t *site) due(ctx context.Context) (n int, err error) {
	err = t.rows.QueryRow(ctx, "SELECT count(*) FROM idempotency_keys WHERE state = 'completed' AND expires_at <= now()").Scan(&n)
	return n, err
}

// fill makes a table with records of many merchants.
func (t *site) fill(ctx context.Context, rows int, progress func(string)) error {
	f := filler{site: t, rows: rows, progress: progress}
	return f.run(ctx)
}
