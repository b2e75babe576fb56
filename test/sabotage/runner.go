package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/payonce/payonce/test/overlay"
)

// tries is how often a test is run against a sabotage before it is said to miss it.
const tries = 2

// runner runs tests, some side by side.
type runner struct {
	root, work string // the module, and a folder for what is made
	limit      string // of one run of go test: reached, it means that a test hangs, which is not to be caught
	side       int
	until      time.Time  // no sabotage is begun after it; zero: all are
	mu         sync.Mutex // for what follows
	progress   io.Writer
}

// result is what came of one sabotage.
type result struct {
	sabotage
	at     overlay.Place
	missed string // why it does not count as caught; "" when it was
	took   time.Duration
	effort time.Duration
}

func (r *runner) tell(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, _ = fmt.Fprintf(r.progress, format+"\n", args...)
}

// each calls do for every number below n, side of them at once, and returns the first error.
func (r *runner) each(n int, do func(i int) error) (first error) {
	var group sync.WaitGroup
	places := make(chan struct{}, r.side)
	for i := range n {
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			if err := do(i); err != nil {
				r.mu.Lock()
				defer r.mu.Unlock()
				if first == nil {
					first = err
				}
			}
		})
	}
	group.Wait()
	return first
}

// apply requires that every replacement applies.
func (r *runner) apply(chosen []sabotage) error {
	for _, s := range chosen {
		if _, _, err := s.apply(r.root); err != nil {
			return err
		}
	}
	return nil
}

// clean requires that every named test passes while nothing is sabotaged. A package's tests run once, however many sabotages
// name them.
func (r *runner) clean(ctx context.Context, chosen []sabotage) error {
	named := map[string]map[string]catch{}
	for _, s := range chosen {
		if named[s.caught.in] == nil {
			named[s.caught.in] = map[string]catch{}
		}
		named[s.caught.in][s.caught.pattern()] = s.caught
	}
	packages := slices.Sorted(maps.Keys(named))
	return r.each(len(packages), func(i int) error {
		began, tests := time.Now(), named[packages[i]]
		patterns := strings.Join(slices.Sorted(maps.Keys(tests)), "|")
		o, err := r.goTest(ctx, packages[i], patterns, os.Environ())
		if err != nil {
			return err
		}
		for _, c := range tests {
			if unfit := c.unfit(o); unfit != "" {
				return fmt.Errorf("without any sabotage: %s %s: %s", c.in, c.test, unfit)
			}
		}
		r.tell("%5.1f s  %s: %d tests pass without a sabotage", time.Since(began).Seconds(), packages[i], len(tests))
		return nil
	})
}

// runAll returns what came of those that were begun in time.
func (r *runner) runAll(ctx context.Context, chosen []sabotage) ([]result, error) {
	results := make([]result, len(chosen))
	err := r.each(len(chosen), func(i int) (err error) {
		if !r.until.IsZero() && time.Now().After(r.until) {
			return nil
		}
		results[i], err = r.try(ctx, chosen[i])
		if err == nil {
			r.tell("%5.1f s  %s: %s", results[i].took.Seconds(), chosen[i].name, cmp.Or(results[i].missed, "caught"))
		}
		return err
	})
	results = slices.DeleteFunc(results, func(r result) bool { return r.name == "" })
	if left := len(chosen) - len(results); left > 0 && err == nil {
		r.tell("%d sabotages were not tried: the time was over", left)
	}
	return results, err
}

// try runs the named test against one sabotage. A miss that may be a matter of timing is tried once more: a test of a race
// or of a signal can pass by luck, or fail at another of its lines.
func (r *runner) try(ctx context.Context, s sabotage) (result, error) {
	texts, at, err := s.apply(r.root)
	if err != nil {
		return result{}, err
	}
	env, err := r.broken(ctx, texts)
	if err != nil {
		return result{}, err
	}
	began, got := time.Now(), result{sabotage: s, at: at}
	for run := 1; ; run++ {
		o, err := r.goTest(ctx, s.caught.in, s.caught.pattern(), env)
		if err != nil {
			return result{}, err
		}
		got.missed, got.took, got.effort = s.caught.missed(o), time.Since(began), got.effort+o.effort
		if got.missed == "" || run == tries || !s.caught.ended(o) {
			return got, nil
		}
		r.tell("         %s: %s; it is tried once more", s.name, got.missed)
	}
}

// broken is the environment in which the go command sees the broken texts.
func (r *runner) broken(ctx context.Context, texts map[string]string) ([]string, error) {
	dir, err := os.MkdirTemp(r.work, "")
	if err != nil {
		return nil, err
	}
	file, err := overlay.Write(r.root, dir, texts)
	if err != nil {
		return nil, err
	}
	return overlay.Environ(ctx, file)
}
