package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/payonce/payonce/test/needs"
	"github.com/payonce/payonce/test/stores"
)

// tiny is a run that measures nothing and does everything.
func tiny(t *testing.T, programs string) options {
	t.Helper()
	o, err := parse([]string{
		"--json", "--rounds", "1", "--slice", "60ms", "--warm", "10ms", "--conns", "4", "--storms", "1", "--copies", "40",
		"--window", "300ms", "--rows", "3000", "--expired", "300",
	}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	o.trips, o.programs, o.others, o.dir = 20, programs, needs.CI(), filepath.Join(t.TempDir(), "a folder", "that is made")
	return o
}

// busy reports whether a busy machine may be the reason of an error.
func busy(err error) bool {
	otherwise, ok := errors.AsType[*otherwiseError](err)
	return strings.Contains(err.Error(), "503") || ok && otherwise.late()
}

// measured runs a benchmark and reads its report. What a busy machine does not get done in time fails a run, so it has three: requests
// that it answers 503, and keys of days of seconds that end before their copies come.
func measured(t *testing.T, o options) report {
	t.Helper()
	var out bytes.Buffer
	var err error
	for range 3 {
		out.Reset()
		if err = o.run(t.Context(), &out, io.Discard); err == nil || !busy(err) {
			break
		}
		t.Logf("once more: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v: %s", err, out.Bytes())
	}
	for _, f := range r.Figures {
		if f.Rate.Median <= 0 || f.P50 <= 0 || f.P999 < f.P50 || f.Name != simulatorAlone && f.Mallocs <= 0 {
			t.Errorf("not measured: %+v", f)
		}
	}
	for _, v := range r.Verdicts {
		if v.Value.Median <= 0 || v.Value.Low > v.Value.High {
			t.Errorf("not compared: %+v", v)
		}
	}
	return r
}

func TestEveryVariantIsMeasuredAndCompared(t *testing.T) {
	t.Parallel()
	stores.NeedsRealRedis(t)
	programs := t.TempDir()
	if err := build(t.Context(), programs, needs.CI()); err != nil {
		t.Fatal(err)
	}
	t.Run("side by side", func(t *testing.T) {
		t.Parallel()
		r := measured(t, tiny(t, programs))
		figures, verdicts := 38, len(aims)+3
		if !needs.CI() { // a newcomer's tests fetch no modules that the service does without
			figures, verdicts = figures-4, verdicts-4
		}
		if len(r.Figures) != figures || len(r.Verdicts) != verdicts {
			t.Errorf("%d figures and %d verdicts", len(r.Figures), len(r.Verdicts))
		}
		checkTrips(t, r)
	})
	t.Run("with many records", func(t *testing.T) {
		t.Parallel()
		o := tiny(t, programs)
		o.growth = true
		r := measured(t, o)
		if len(r.Figures) != 10 || len(r.Verdicts) != 6 {
			t.Errorf("%d figures and %d verdicts", len(r.Figures), len(r.Verdicts))
		}
	})
	t.Run("through short days", func(t *testing.T) {
		t.Parallel()
		o := tiny(t, programs)
		o.days, o.day, o.peak = 4, 2400*time.Millisecond, 200
		r := measured(t, o)
		if want := len(dayMix) + 5; len(r.Verdicts) != want || len(r.Notes) != 1+2+o.days {
			t.Errorf("%d verdicts, not %d, and notes %q", len(r.Verdicts), want, r.Notes)
		}
	})
	t.Run("without each protection", func(t *testing.T) {
		t.Parallel()
		o := tiny(t, programs)
		o.protections = true
		r := measured(t, o)
		if n := len(protections()); len(r.Figures) != n+1 || len(r.Verdicts) != n {
			t.Errorf("%d figures and %d verdicts", len(r.Figures), len(r.Verdicts))
		}
	})
}

// checkTrips fails when a variant doesn't go the way that its name says.
func checkTrips(t *testing.T, r report) {
	t.Helper()
	for name, want := range map[string][3]float64{ // PostgreSQL, and Redis from and to: most new keys are not looked up there
		bareHandler: {0, 0, 0}, edgeHandler: {0, 0, 0}, oneGet: {0, 1, 1}, oneSelect: {1, 0, 0}, oneSelectSQL: {1, 0, 0}, plainOrder: {4, 0, 0},
		replayMemory: {0, 0, 0}, replayRedis: {0, 1, 1}, replayPostgres: {1, 2, 2}, firstOrder: {1, 1, 2}, firstPayment: {3, 1, 2},
		firstCapture: {4, 1, 2}, firstRefund: {4, 1, 2},
	} {
		at := slices.IndexFunc(r.Figures, func(f row) bool { return f.Name == name })
		if at < 0 || r.Figures[at].Postgres == nil || r.Figures[at].Redis == nil {
			t.Errorf("%s was not counted", name)
			continue
		}
		f := r.Figures[at]
		if *f.Postgres != want[0] || *f.Redis < want[1] || *f.Redis > want[2] {
			t.Errorf("%s: %.1f round trips to PostgreSQL and %.1f to Redis, want %v", name, *f.Postgres, *f.Redis, want)
		}
	}
}

func TestAReportFitsOnAScreen(t *testing.T) {
	t.Parallel()
	trips := 16.05
	r := report{
		Figures: []row{{
			Name: ownProtectAlone, Rate: spread{Median: 123456}, P50: 1234.5, P99: 12345.6, P999: 12345.6, Postgres: &trips, Redis: &trips,
			Mallocs: 12345, Bytes: 2e6, CPU: cpu{12345, 12345, 12345, 12345},
		}},
		Verdicts: []verdict{
			verdict{Name: firstPayment + " / " + plainPaymentAt, Value: spread{0.75, 0.7, 0.8}, limit: 0.8, Processor: 0.8}.judge(),
			verdict{Name: "memory", Value: spread{120, 120, 120}, Unit: " MB", limit: -150}.judge(),
		},
		At: time.Now(),
	}
	var out bytes.Buffer
	if err := r.print(&out, false); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if width := len([]rune(strings.TrimRight(line, "\n"))); width > 100 {
			t.Errorf("%d columns: %s", width, line)
		}
	}
	if text := out.String(); !strings.Contains(text, ">= 0.80 SHORT") || !strings.Contains(text, "<= 150 reached") {
		t.Errorf("the aims are not judged:\n%s", text)
	}
}

func TestRatiosAreTakenWithinARound(t *testing.T) {
	t.Parallel()
	got := spreadOf(ratios([]float64{10, 100, 30}, []float64{10, 50, 60}))
	if want := (spread{Median: 1, Low: 0.75, High: 1.5}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if median(nil) != 0 {
		t.Error("the median of nothing is not zero")
	}
}

func TestWrongFlagsAreRefused(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--rounds", "0"}, {"--conns", "-1"}, {"--slice", "0s"}, {"extra"}, {"--rows", "-1"}, {"--days", "3"}, {"--day", "1ms"}, {"--peak", "0"}} {
		if _, err := parse(args, io.Discard); err == nil {
			t.Errorf("%v was taken", args)
		}
	}
}
