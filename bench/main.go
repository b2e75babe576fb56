package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		_, _ = fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

// run measures and prints. Falling short of an aim is a result and no error.
func run(ctx context.Context, args []string, out, errOut io.Writer) error {
	o, err := parse(args, errOut)
	if err != nil {
		return err
	}
	return o.run(ctx, out, errOut)
}

func (o options) run(ctx context.Context, out, errOut io.Writer) (err error) {
	progress := progressOn(errOut)
	progress("building, starting the stores")
	s, err := openStage(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	r := o.report(s)
	switch {
	case o.growth:
		err = s.growth(ctx, o, r, progress)
	case o.days > 0:
		err = s.days(ctx, o, r, progress)
	case o.protections:
		err = s.protections(ctx, o, r, progress)
	default:
		err = s.compare(ctx, o, r, progress)
	}
	progress("")
	if err != nil {
		return err
	}
	return r.print(out, o.json)
}

// progressOn shows on one line what is going on if errOut is a terminal; otherwise it writes nothing.
func progressOn(errOut io.Writer) func(string) {
	if file, ok := errOut.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return func(text string) { _, _ = fmt.Fprintf(file, "\r\033[K%s", text) }
		}
	}
	return func(string) {}
}

// compare is the benchmark without --growth, --days or --protections.
func (s *stage) compare(ctx context.Context, o options, r *report, progress func(string)) error {
	t, err := s.openSite(ctx, "a", 0, nil)
	if err != nil {
		return err
	}
	t.others = o.others
	if err := t.begin(ctx); err != nil {
		return err
	}
	if err := t.startAll(ctx); err != nil {
		return err
	}
	variants := inTurns(slices.Concat(t.payonceVariants(), t.baselineVariants(), t.ownVariants()), o.only)
	if len(variants) == 0 {
		return fmt.Errorf("no variant has %q in its name", o.only)
	}
	progress("filling")
	if err := t.stockUp(ctx, o); err != nil {
		return err
	}
	all, err := rounds(ctx, variants, o, progress)
	if err != nil {
		return err
	}
	if o.profile != "" {
		if err := profiles(ctx, all, o, progress); err != nil {
			return err
		}
	}
	progress("counting round trips")
	if err := t.countTrips(ctx, all, o.trips); err != nil {
		return err
	}
	r.add(all)
	r.Verdicts = verdicts(all)
	if o.storms > 0 && o.only == "" {
		if err := t.storms(ctx, o, r, progress); err != nil {
			return err
		}
	}
	r.Verdicts = append(r.Verdicts, t.memory())
	r.Notes = append(r.Notes, explanations...)
	return nil
}

// stockUp makes what the rounds will use up, so that nothing is made between them, and lets PostgreSQL write it out.
func (t *site) stockUp(ctx context.Context, o options) error {
	seconds := float64(o.rounds) * (o.slice + o.warm).Seconds()
	if err := t.moreOrders(ctx, int(3*2500*seconds)); err != nil {
		return err
	}
	if err := t.moreRecords(ctx, int((12000+6000)*seconds)); err != nil {
		return err
	}
	return t.stage.settle(ctx, t.database)
}

const memoryLimit = 150 // MB

// memory is what the service held at most.
func (t *site) memory() verdict {
	megabytes := float64(t.service.memory().Highest) / (1 << 20)
	return verdict{Name: "service's resident memory at its highest", Value: spread{megabytes, megabytes, megabytes}, Unit: " MB", limit: -memoryLimit}.judge()
}
