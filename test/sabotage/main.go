// Command sabotage is the test of the tests: it breaks payonce in one way after the other, each a mistake that somebody
// could make in a single line, and requires that a test notices.
//
//	go run ./test/sabotage              every sabotage; exit code 1 if one is not caught
//	go run ./test/sabotage -run fence   those whose name matches
//	go run ./test/sabotage -list        what each of them breaks and what catches it
//
// A sabotage is a few textual replacements. They are applied with the go command's -overlay: no file is changed, and the
// tests, the service that some of them build, and the migrations inside it all see the broken text. To be caught means
// that the named test runs, fails, and says what the table expects it to say. A sabotage that does not compile, a panic, a
// time-out and a failure for another reason don't count, and the same tests must pass without any sabotage.
//
// The tables stand in engine.go, store.go, redis.go, provider.go and http.go.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"time"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, out, words io.Writer) int {
	flags := flag.NewFlagSet("sabotage", flag.ContinueOnError)
	flags.SetOutput(words)
	only := flags.String("run", "", "only the sabotages whose name matches this regular expression")
	list := flags.Bool("list", false, "say what each sabotage breaks and what catches it, and run nothing")
	side := flags.Int("j", runtime.NumCPU(), "how many to run side by side")
	if flags.Parse(args) != nil {
		return 2
	}
	pattern, err := regexp.Compile(*only)
	if err != nil || *side < 1 || flags.NArg() > 0 {
		fmt.Fprintln(words, "sabotage: -run takes a regular expression, -j a number from 1, and nothing else is taken:", err)
		return 2
	}
	chosen := matching(all(), pattern)
	if *list {
		describe(out, chosen)
		return 0
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := sabotageAll(ctx, chosen, *side, out, words); err != nil {
		fmt.Fprintln(words, "sabotage:", err)
		return 1
	}
	return 0
}

// sabotageAll runs the named tests once without a sabotage and once with each, and prints the table.
func sabotageAll(ctx context.Context, chosen []sabotage, side int, out, words io.Writer) error {
	began := time.Now()
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "payonce-sabotage-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	r := &runner{root: root, work: work, limit: "3m", side: side, progress: words}
	if err := r.clean(ctx, chosen); err != nil {
		return err
	}
	results, err := r.runAll(ctx, chosen)
	if err != nil {
		return err
	}
	return report(out, results, time.Since(began))
}
