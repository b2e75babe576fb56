package main

import (
	"errors"
	"flag"
	"io"
	"time"
)

// options are the flags.
type options struct {
	quick, json, growth bool
	others              bool // measure services that stand on other libraries
	protections         bool // measure what each protection costs, in builds that leave it out

	rounds int
	slice  time.Duration // of one variant in one round
	warm   time.Duration // before each slice
	conns  int

	storms int           // pairs of a window with a storm and one without
	copies int           // of one request in a storm
	window time.Duration // of the storm

	rows, expired int // of --growth

	days int           // how many short days; 0: none
	day  time.Duration // length of one
	peak float64       // requests a second in its busiest hour

	only    string
	profile string
	dir     string

	trips    int    // requests whose round trips are counted
	programs string // folder with the built programs; empty: they are built
}

func parse(args []string, help io.Writer) (options, error) {
	o := options{trips: 100}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(help)
	flags.BoolVar(&o.quick, "quick", false, "few short rounds: a look, not a measurement")
	flags.BoolVar(&o.json, "json", false, "print JSON instead of tables")
	flags.BoolVar(&o.growth, "growth", false, "measure with many records in the table, and cleanup under load")
	flags.BoolVar(&o.protections, "protections", false, "measure what each protection of a first request costs, in builds that leave one out")
	flags.BoolVar(&o.others, "others", false, "measure Fiber's middleware and DBOS, too; their modules are fetched")
	flags.IntVar(&o.rounds, "rounds", 11, "how often each variant has its turn")
	flags.DurationVar(&o.slice, "slice", time.Second, "length of a turn")
	flags.DurationVar(&o.warm, "warm", 150*time.Millisecond, "uncounted part before each turn")
	flags.IntVar(&o.conns, "conns", 16, "connections that send at once")
	flags.IntVar(&o.storms, "storms", 9, "pairs of windows with and without a storm; 0: none")
	flags.IntVar(&o.copies, "copies", 1000, "copies of one request in a storm")
	flags.DurationVar(&o.window, "window", 2*time.Second, "length of a window with or without a storm, or a cleanup")
	flags.IntVar(&o.rows, "rows", 10_000_000, "records in the table, with --growth")
	flags.IntVar(&o.expired, "expired", 1_000_000, "records to clean up, with --growth")
	flags.IntVar(&o.days, "days", 0, "number of short days to run, with records that expire and are archived; at least 4")
	flags.DurationVar(&o.day, "day", 10*time.Minute, "length of a short day")
	flags.Float64Var(&o.peak, "peak", 600, "requests a second in the busiest hour of a short day")
	flags.StringVar(&o.only, "only", "", "only variants whose name holds this text, and what they are compared with")
	flags.StringVar(&o.profile, "profile", "", "folder to write a CPU profile of each variant's server to")
	flags.StringVar(&o.dir, "dir", "", "folder for the stores' files, removed at the end (default: a temporary one)")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if o.quick {
		o.rounds, o.slice, o.warm, o.storms = min(o.rounds, 3), min(o.slice, 300*time.Millisecond), min(o.warm, 50*time.Millisecond), min(o.storms, 2)
		o.rows, o.expired = min(o.rows, 200_000), min(o.expired, 20_000)
	}
	if flags.NArg() > 0 || o.rounds < 1 || o.conns < 1 || o.slice <= 0 || o.warm < 0 || o.rows < 0 || o.expired < 0 ||
		o.days != 0 && o.days < firstWholeDay+2 || o.day < time.Second || o.peak < 1 {
		return o, errors.New("wrong flags; see --help")
	}
	return o, nil
}
