package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/payonce/payonce/bench/load"
)

// profiles gives each variant one more, longer turn, and keeps a CPU profile and the allocations of its server.
func profiles(ctx context.Context, all []*figures, o options, progress func(string)) error {
	const length = 6 * time.Second
	if err := os.MkdirAll(o.profile, 0o750); err != nil {
		return err
	}
	for _, f := range all {
		if f.name == simulatorAlone {
			continue
		}
		progress("profiling: " + f.name)
		o := o
		o.slice = length
		first, most, err := f.reserve(ctx, f.wants(o))
		if err != nil {
			return err
		}
		kept := make(chan error, 1)
		go func() { kept <- keep(ctx, f, "cpu", "/debug/pprof/profile?seconds=4", o.profile) }()
		_, used, err := load.Closed{
			Address: f.server.address, Conns: o.conns, Length: length, Next: f.next, First: first, Most: most, Want: wanted(f.name),
		}.Run(ctx)
		f.spent(used)
		if err != nil {
			return err
		}
		if err := <-kept; err != nil {
			return err
		}
		if err := keep(ctx, f, "allocs", "/debug/pprof/allocs", o.profile); err != nil {
			return err
		}
		f.server.forgetLog()
	}
	return nil
}

func keep(ctx context.Context, f *figures, kind, path, folder string) error {
	profile, err := f.server.get(ctx, path)
	if err != nil {
		return fmt.Errorf("profile %s: %w", f.name, err)
	}
	name := strings.NewReplacer(" ", "-", ",", "").Replace(f.name) + "." + kind
	return os.WriteFile(filepath.Join(folder, name), profile, 0o600)
}
