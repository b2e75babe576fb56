package main

import (
	"fmt"
	"io"
	"path"
	"time"
)

// report prints the table of what caught what, and returns an error when something was not caught.
func report(to io.Writer, results []result, took time.Duration) error {
	names, places := 0, 0
	for _, r := range results {
		names, places = max(names, len(r.name)), max(places, len(r.at.String()))
	}
	missed, effort := 0, time.Duration(0)
	for _, r := range results {
		effort += r.effort
		_, _ = fmt.Fprintf(to, "%-*s  %-*s  %5.1f s  %s\n", names, r.name, places, r.at, r.took.Seconds(), r.caught)
		if r.missed != "" {
			missed++
			_, _ = fmt.Fprintf(to, "%-*s  NOT CAUGHT: %s\n", names, "", r.missed)
		}
	}
	_, _ = fmt.Fprintf(to, "%d sabotages, %d caught, in %s (%s of the processors' time)\n", len(results), len(results)-missed,
		took.Round(time.Second), effort.Round(time.Second))
	if missed > 0 {
		return fmt.Errorf("%d of %d sabotages were not caught", missed, len(results))
	}
	return nil
}

// describe prints what each sabotage breaks and what catches it.
func describe(to io.Writer, from []sabotage) {
	for _, s := range from {
		_, _ = fmt.Fprintf(to, "%s\n    breaks: %s\n", s.name, s.breaks)
		for _, e := range s.edits {
			_, _ = fmt.Fprintf(to, "    edits:  %s\n", e.at)
		}
		_, _ = fmt.Fprintf(to, "    caught: %s, saying %q\n", s.caught, s.caught.says)
	}
	_, _ = fmt.Fprintf(to, "%d sabotages\n", len(from))
}

func (c catch) String() string { return path.Join(c.in, c.test) }
