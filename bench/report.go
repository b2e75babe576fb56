package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/payonce/payonce/bench/load"
)

// report is everything that was measured, as --json prints it.
type report struct {
	Machine  string    `json:"machine"`
	Go       string    `json:"go"`
	Postgres string    `json:"postgres"`
	Redis    string    `json:"redis"`
	At       time.Time `json:"at"`
	Rounds   int       `json:"rounds"`
	SliceMS  int64     `json:"slice_ms"`
	Conns    int       `json:"connections"`
	Figures  []row     `json:"figures"`
	Verdicts []verdict `json:"verdicts"`
	Notes    []string  `json:"notes"`
}

// row is one variant's figures. Times are milliseconds over all rounds, rates and costs medians of the rounds.
type row struct {
	Name     string   `json:"name"`
	Rate     spread   `json:"requests_per_second"`
	P50      float64  `json:"p50_ms"`
	P99      float64  `json:"p99_ms"`
	P999     float64  `json:"p999_ms"`
	Postgres *float64 `json:"postgres_round_trips,omitempty"`
	Redis    *float64 `json:"redis_round_trips,omitempty"`
	Mallocs  float64  `json:"allocations"`
	Bytes    float64  `json:"allocated_bytes"`
	CPU      cpu      `json:"cpu_us"`
}

// cpu is processor time per request, in microseconds.
type cpu struct {
	Server   float64 `json:"server"`
	Postgres float64 `json:"postgres"`
	Redis    float64 `json:"redis"`
	Others   float64 `json:"others"` // of the provider's stand-in and the like
}

func (o options) report(s *stage) *report {
	r := &report{
		Machine: fmt.Sprintf("%d processors, %s/%s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH), Go: runtime.Version(),
		At: time.Now().UTC().Truncate(time.Second), Rounds: o.rounds, SliceMS: o.slice.Milliseconds(), Conns: o.conns,
		Postgres: s.postgres.Source() + ", fsync and synchronous_commit on,\nshared_buffers 1 GB, max_wal_size 4 GB", Redis: s.redis.Source(),
	}
	for _, name := range []string{"GOGC", "GOMEMLIMIT", "GOMAXPROCS", "GODEBUG"} {
		if value, ok := os.LookupEnv(name); ok {
			r.Notes = append(r.Notes, name+" was set to "+value)
		}
	}
	return r
}

func (r *report) add(all []*figures) {
	r.Notes = append(r.Notes, disturbances(all)...)
	for _, f := range all {
		latencies := f.latencies()
		line := row{
			Name: f.name, Rate: spreadOf(f.rates()), P50: ms(load.Percentile(latencies, 0.5)), P99: ms(load.Percentile(latencies, 0.99)),
			P999: ms(load.Percentile(latencies, 0.999)), Mallocs: f.per(func(t turn) float64 { return t.mallocs }),
			Bytes: f.per(func(t turn) float64 { return t.bytes }), CPU: cpu{
				1e6 * f.per(func(t turn) float64 { return t.cpu.server }), 1e6 * f.per(func(t turn) float64 { return t.cpu.postgres }),
				1e6 * f.per(func(t turn) float64 { return t.cpu.redis }), 1e6 * f.per(func(t turn) float64 { return t.cpu.others }),
			},
		}
		if f.counted {
			line.Postgres, line.Redis = &f.postgres, &f.rdis
		}
		r.Figures = append(r.Figures, line)
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// print writes the report as JSON, or as tables for people, at most 100 columns wide.
func (r *report) print(out io.Writer, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s, %s\n%s\n%s\n", r.Machine, r.Go, r.At.Format(time.DateOnly), r.Postgres, r.Redis)
	if len(r.Figures) > 0 {
		fmt.Fprintf(&b, "%d rounds in turns, %d ms each, %d connections in a closed loop\n\n", r.Rounds, r.SliceMS, r.Conns)
		const head = "%-31s%7s%7s%8s%6s%6s%7s%8s%7s%7s%6s\n"
		fmt.Fprintf(&b, head, "", "", "p50", "p99", "PG", "Redis", "allo-", "CPU µs:", "Post-", "", "")
		fmt.Fprintf(&b, head, "", "req/s", "ms", "ms", "trips", "trips", "cations", "server", "greSQL", "Redis", "else")
	}
	for _, f := range r.Figures {
		fmt.Fprintf(&b, "%-31s%7.0f%7.2f%8.2f%6s%6s%7s%8s%7s%7s%6s\n", f.Name, f.Rate.Median, f.P50, f.P99,
			tenth(f.Postgres), tenth(f.Redis), known(f.Mallocs, "%.0f"), known(f.CPU.Server, "%.0f"), known(f.CPU.Postgres, "%.0f"),
			known(f.CPU.Redis, "%.0f"), known(f.CPU.Others, "%.0f"))
	}
	const line = "%-52s%9s%15s%7s%9s"
	fmt.Fprintf(&b, "\n"+line+"\n", "", "median", "quartiles", "by CPU", "aim")
	for _, v := range r.Verdicts {
		fmt.Fprintf(&b, line, v.Name, short(v.Value.Median)+v.Unit, short(v.Value.Low)+" - "+short(v.Value.High), known(v.Processor, "%.2f"), v.Want)
		switch {
		case v.Want != "" && v.Reached:
			b.WriteString(" reached")
		case v.Want != "":
			b.WriteString(" SHORT")
		}
		b.WriteString("\n")
	}
	for _, note := range r.Notes {
		fmt.Fprintf(&b, "\n%s", note)
	}
	b.WriteString("\n")
	_, err := io.WriteString(out, b.String())
	return err
}

func short(value float64) string {
	if math.Abs(value) >= 10 {
		return fmt.Sprintf("%.0f", value)
	}
	return fmt.Sprintf("%.2f", value)
}

func tenth(value *float64) string {
	if value == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f", *value)
}

func known(value float64, format string) string {
	if value <= 0 {
		return "-"
	}
	return fmt.Sprintf(format, value)
}

// explanations say what stands in the table.
var explanations = []string{
	"Same edge: request id, access log, panics, headers, body, API key. All handlers but the bare one have it.",
	"Plain payment: T1's writes, call, T2's writes, in two GORM transactions; with 1 transaction: call, then all rows.",
	"Own: a service without log, authentication and limits, one row a request (bench/own); call: between two writes.",
	"Round trips are counted request by request; a replay from Postgres rolls back and publishes behind its look-up.",
}
