package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"sync"
	"time"

	"github.com/payonce/payonce/bench/load"
	"github.com/payonce/payonce/internal/sleep"
)

const (
	hours = 24 // of a day, however long it takes here
	// In the first day records are made, in the second they become tombstones too, from the third on they are archived as well:
	// from then on as much goes as comes.
	firstWholeDay = 2
	dayConns      = 64
)

// dayShape is how busy each hour is, as a part of the busiest one: quiet nights, a high noon, a higher evening.
var dayShape = [hours]float64{
	0.30, 0.22, 0.18, 0.15, 0.15, 0.18, 0.28, 0.45, 0.62, 0.75, 0.85, 0.92,
	0.95, 0.90, 0.85, 0.83, 0.85, 0.90, 0.97, 1.00, 0.98, 0.85, 0.62, 0.42,
}

// Kinds of traffic.
const (
	dayOrders   = "first order"
	dayPayments = "first payment"
	dayReplays  = "replay of half a day"
	dayExpired  = "key of the day before"
)

// dayMix is each kind's part of the requests.
var dayMix = []struct {
	name string
	part float64
}{{dayOrders, 0.55}, {dayPayments, 0.15}, {dayReplays, 0.20}, {dayExpired, 0.10}}

// days is a service whose day is short, from the first record to what has been archived.
type days struct {
	*site
	archive string
	payonce string // program
	day     time.Duration
	peak    float64
	marks   []int       // orders made before each hour
	began   []time.Time // each hour
	sent    map[string]int
	refused int // orders and payments, with 503, because the machine was busy
	hours   []hour
}

// hour is what was measured in one of them.
type hour struct {
	latencies map[string][]time.Duration
	held      held
}

// days lets a service live through several short days: records are made, replayed, expire, become tombstones and are archived at the
// rate at which they come.
func (s *stage) days(ctx context.Context, o options, r *report, progress func(string)) error {
	d := &days{archive: filepath.Join(s.folder, "archive"), payonce: filepath.Join(s.programs, "payonce"), day: o.day, peak: o.peak, sent: map[string]int{}}
	if err := os.Mkdir(d.archive, 0o700); err != nil {
		return err
	}
	var err error
	if d.site, err = s.openSite(ctx, "days", 0, map[string]string{
		"IDEMPOTENCY_RETENTION": o.day.String(), "IDEMPOTENCY_TOMBSTONE_RETENTION": (2 * o.day).String(), "ARCHIVE_DIR": d.archive,
		"CLEANUP_INTERVAL": max(o.day/600, 10*time.Millisecond).String(),
	}); err != nil {
		return err
	}
	if err := d.moreOrders(ctx, 1000+int(o.peak*dayMix[1].part*o.day.Seconds())*o.days); err != nil {
		return err
	}
	began, length := time.Now(), o.day/hours
	for n := range o.days * hours {
		progress(fmt.Sprintf("day %d of %d, hour %d", n/hours+1, o.days, n%hours))
		sleep.For(ctx, time.Until(began.Add(time.Duration(n)*length)))
		if err := d.hour(ctx, n, length); err != nil {
			return fmt.Errorf("day %d, hour %d: %w", n/hours+1, n%hours, err)
		}
	}
	if err := d.account(ctx, r); err != nil {
		return err
	}
	r.Verdicts = d.verdicts()
	r.Notes = append(r.Notes, d.notes()...)
	return nil
}

// hour sends one hour's traffic, all kinds at the same time, and then looks at what is held.
func (d *days) hour(ctx context.Context, n int, length time.Duration) error {
	d.marks, d.began = append(d.marks, d.sent[dayOrders]), append(d.began, time.Now())
	loads := d.loads(n, length)
	now := hour{latencies: map[string][]time.Duration{}}
	var group sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for name, l := range loads {
		group.Go(func() {
			result, used, err := l.Run(ctx)
			mu.Lock()
			defer mu.Unlock()
			bad := count(result.Wrong) - result.Wrong[503]
			if name == dayExpired && d.refused > 0 {
				bad -= result.Wrong[201] // of an order that had been refused
			}
			if n := count(result.Wrong); float64(n) > tolerated*float64(used) || bad > 0 {
				err = errors.Join(err, &otherwiseError{name, n, used, l.Want, result.Wrong})
			}
			now.latencies[name] = result.Latencies
			d.sent[name] += used
			if name == dayOrders || name == dayPayments {
				d.refused += result.Wrong[503]
			}
			failed = errors.Join(failed, err)
		})
	}
	group.Wait()
	d.service.forgetLog()
	if failed != nil {
		return failed
	}
	var err error
	now.held, err = d.look(ctx)
	d.hours = append(d.hours, now)
	return err
}

// otherwiseError says that requests of one kind got another answer than that kind gets.
type otherwiseError struct {
	kind    string
	n, used int
	want    int
	got     map[int]int
}

func (e *otherwiseError) Error() string {
	return fmt.Sprintf("of %s, %d of %d were answered otherwise than %d, by status: %v", e.kind, e.n, e.used, e.want, e.got)
}

// late reports whether the machine had no time while keys ended: a replay came when its key had expired, or a tombstone was archived,
// or not yet made, when its copy came.
func (e *otherwiseError) late() bool {
	return e.kind == dayReplays && e.got[410] == e.n || e.kind == dayExpired && e.got[201] == e.n
}

// loads are the traffic of the n-th hour.
func (d *days) loads(n int, length time.Duration) map[string]load.Open {
	orders := d.ordersAt(ordersPath, d.numbered("day"))
	loads := map[string]load.Open{}
	for _, kind := range dayMix {
		l := load.Open{
			Address: d.service.address, Rate: d.peak * dayShape[n%hours] * kind.part, Length: length, First: d.sent[kind.name], Want: 201,
		}
		l.Conns = min(max(4, int(l.Rate/2)), dayConns) // the service closes those that send nothing for a few seconds
		switch kind.name {
		case dayOrders:
			l.Next = orders
		case dayPayments:
			l.Next = d.paymentsAt(paymentsPath, "day-payment", instantCard, "")
		case dayReplays:
			l.Next = d.copies(orders, hours/2, 0)
		case dayExpired: // tombstones by now, and not archived for some hours yet
			l.Next, l.Want = d.copies(orders, 2*hours-4, hours+2), 410
		}
		if l.Next != nil && l.Rate*length.Seconds() >= 1 {
			loads[kind.name] = l
		}
	}
	return loads
}

// copies sends orders again, in another sequence, that were made in hours which began at most so many hours ago and ended at least so
// many; nil where there are none.
func (d *days) copies(orders load.Source, most, least int) load.Source {
	ago := func(n int) time.Time { return time.Now().Add(-time.Duration(n) * d.day / hours) }
	from := sort.Search(len(d.began), func(i int) bool { return !d.began[i].Before(ago(most)) })
	to := sort.Search(len(d.began), func(i int) bool { return d.began[i].After(ago(least)) }) - 1
	if to <= from || d.marks[to] == d.marks[from] {
		return nil
	}
	first, n := d.marks[from], int64(d.marks[to]-d.marks[from])
	return func(b []byte, i int) []byte { return orders(b, first+int(int64(i)*stride%n)) }
}
