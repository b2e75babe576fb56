package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"time"

	"github.com/payonce/payonce/bench/load"
	"github.com/payonce/payonce/internal/sleep"
)

// held is what a service and its stores hold at one moment: bytes, and rows of idempotency_keys by PostgreSQL's own statistics.
type held struct {
	Table, Indexes, Service, Redis float64
	Live, Dead, Vacuums            float64
}

func (d *days) look(ctx context.Context) (h held, err error) {
	err = d.rows.QueryRow(ctx, `SELECT pg_table_size(relid), pg_indexes_size(relid), n_live_tup, n_dead_tup, autovacuum_count
		FROM pg_stat_user_tables WHERE relname = 'idempotency_keys'`).Scan(&h.Table, &h.Indexes, &h.Live, &h.Dead, &h.Vacuums)
	if err != nil {
		return h, err
	}
	memory, err := d.client.InfoMap(ctx, "memory").Result()
	if err != nil {
		return h, err
	}
	if _, err := fmt.Sscan(memory["Memory"]["used_memory"], &h.Redis); err != nil {
		return h, fmt.Errorf("read the memory of Redis: %w", err)
	}
	h.Service = float64(d.service.memory().Resident)
	return h, nil
}

// catchUp is how long what is due may take to be archived when the last day is over.
const catchUp = 30 * time.Second

// account waits until all that was due at the end is archived, stops the service, and fails unless table and archive hold as many keys
// as were used.
func (d *days) account(ctx context.Context, r *report) error {
	ended, overdue := time.Now(), 1
	for overdue > 0 {
		if err := d.rows.QueryRow(ctx, "SELECT count(*) FROM idempotency_keys WHERE completed_at < $1", ended.Add(-2*d.day)).Scan(&overdue); err != nil {
			return err
		}
		if time.Since(ended) > catchUp {
			return fmt.Errorf("%s after the last day %d tombstones are still to be archived", catchUp, overdue)
		}
		sleep.For(ctx, 10*time.Millisecond)
	}
	caughtUp := time.Since(ended)
	if err := d.service.stop(); err != nil {
		return err
	}
	var kept int
	if err := d.rows.QueryRow(ctx, "SELECT count(*) FROM idempotency_keys").Scan(&kept); err != nil {
		return err
	}
	verify := exec.CommandContext(ctx, d.payonce, "archive", "verify", "--json", "--dir", d.archive, "--database")
	verify.Env = []string{"DATABASE_URL=" + d.database, "HOME=" + d.stage.folder}
	var problems bytes.Buffer
	verify.Stderr = &problems
	output, err := verify.Output()
	if err != nil {
		return fmt.Errorf("verify the archive: %w\n%s%s", err, output, problems.Bytes())
	}
	var archive struct {
		Records int `json:"records"`
	}
	if err := json.Unmarshal(output, &archive); err != nil {
		return err
	}
	used := d.sent[dayOrders] + d.sent[dayPayments]
	if all := kept + archive.Records; all > used || all < used-d.refused {
		return fmt.Errorf("%d keys were used, but %d are in the table and %d in the archive", used, kept, archive.Records)
	}
	r.Notes = append(r.Notes, fmt.Sprintf("keys used: %d, %d of them refused with 503; at the end %d are in the table and %d in the archive,\nwhere what was due at the end was within %s.",
		used, d.refused, kept, archive.Records, caughtUp.Round(10*time.Millisecond)))
	return nil
}

// of are the hours of one day.
func (d *days) of(day int) []hour { return d.hours[day*hours : (day+1)*hours] }

// most is the highest of a figure in one day.
func (d *days) most(day int, figure func(held) float64) (most float64) {
	for _, h := range d.of(day) {
		most = max(most, figure(h.held))
	}
	return most
}

// verdicts compare the last day with the first one on which records came and went at the same rate.
func (d *days) verdicts() []verdict {
	last := len(d.hours)/hours - 1
	var list []verdict
	for _, kind := range dayMix {
		var ratios []float64
		for h := range hours { // the same hour of both days: it is as busy
			before, after := d.of(firstWholeDay)[h].latencies[kind.name], d.of(last)[h].latencies[kind.name]
			if len(before) > 0 && len(after) > 0 {
				ratios = append(ratios, float64(load.Percentile(after, 0.99))/float64(load.Percentile(before, 0.99)))
			}
		}
		list = append(list, verdict{Name: "p99 of a " + kind.name + ", last day / third", Value: spreadOf(ratios), limit: -1.1}.judge())
	}
	for _, figure := range []struct {
		name string
		of   func(held) float64
	}{
		{"table, highest", func(h held) float64 { return h.Table }},
		{"its indexes, highest", func(h held) float64 { return h.Indexes }},
		{"memory of the service, highest", func(h held) float64 { return h.Service }},
		{"memory of Redis, highest", func(h held) float64 { return h.Redis }},
	} {
		ratio := d.most(last, figure.of) / d.most(firstWholeDay, figure.of)
		list = append(list, verdict{Name: figure.name + ", last day / third", Value: spread{ratio, ratio, ratio}, limit: -1.1}.judge())
	}
	dead := d.most(last, func(h held) float64 { return h.Dead / max(h.Live, 1) })
	return append(list, verdict{Name: "dead rows / living ones, highest of the last day", Value: spread{dead, dead, dead}, limit: -0.25}.judge())
}

// notes are a line for each day.
func (d *days) notes() []string {
	const head = "%-4s%9s %6s%8s%8s%8s  %6s%8s%7s%7s%8s%7s"
	list := []string{
		fmt.Sprintf("A day takes %s here, its busiest hour has %.0f requests/s; p99 in ms, sizes in MB at their highest.", d.day, d.peak),
		fmt.Sprintf(head, "day", "requests", "order", "payment", "replay", "expired", "table", "indexes", "dead %", "vacuum", "service", "Redis"),
	}
	vacuums := 0.0
	for day := range len(d.hours) / hours {
		requests, p99 := 0, map[string]float64{}
		for _, kind := range dayMix {
			var all []time.Duration
			for _, h := range d.of(day) {
				all = append(all, h.latencies[kind.name]...)
			}
			requests += len(all)
			p99[kind.name] = ms(load.Percentile(all, 0.99))
		}
		megabytes := func(figure func(held) float64) string { return fmt.Sprintf("%.0f", d.most(day, figure)/(1<<20)) }
		sum := d.most(day, func(h held) float64 { return h.Vacuums })
		list = append(list, fmt.Sprintf(head, fmt.Sprint(day+1), fmt.Sprint(requests), known(p99[dayOrders], "%.1f"), known(p99[dayPayments], "%.1f"),
			known(p99[dayReplays], "%.1f"), known(p99[dayExpired], "%.1f"), megabytes(func(h held) float64 { return h.Table }),
			megabytes(func(h held) float64 { return h.Indexes }),
			fmt.Sprintf("%.0f", 100*d.most(day, func(h held) float64 { return h.Dead / max(h.Live, 1) })), fmt.Sprintf("%.0f", sum-vacuums),
			megabytes(func(h held) float64 { return h.Service }), megabytes(func(h held) float64 { return h.Redis })))
		vacuums = sum
	}
	return list
}
