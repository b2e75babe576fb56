// Command sabotage is the test of the tests: it breaks payonce in one way after the other, each a mistake that a
// programmer could make in a single line, and requires that a test notices.
//
//	go run ./test/sabotage              every sabotage; exit code 1 if one is not caught
//	go run ./test/sabotage -run fence   those whose name matches
//	go run ./test/sabotage -list        what each of them breaks and what catches it
//	go run ./test/sabotage -for 9m      begin none after 9 minutes, in another order at each commit; the output says how many were left
//
// A sabotage is a few textual replacements, each inside a declaration that it names. In which file that stands doesn't
// matter, and a declaration that was renamed is an error that names the row. The replacements are applied with the go
// command's -overlay: no file is changed, and the tests, the service that some of them build, and the migrations inside it
// all see the broken text. To be caught means that the named test runs, fails, and says what the table expects it to say. A
// sabotage that does not compile, a panic, a time-out and a failure for another reason don't count, and the same tests must
// pass without any sabotage. A test that passes, or fails for another reason, is run once more before the sabotage counts as
// missed; the output says so.
//
// The tables stand in engine.go, store.go, sessions.go, redis.go, provider.go, outcomes.go, http.go, edges.go and drift.go.
package main

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"runtime"
	"time"

	"github.com/payonce/payonce/test/overlay"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, out, words io.Writer) int {
	flags := flag.NewFlagSet("sabotage", flag.ContinueOnError)
	flags.SetOutput(words)
	only := flags.String("run", "", "only the sabotages whose name matches this regular expression")
	list := flags.Bool("list", false, "say what each sabotage breaks and what catches it, and run nothing")
	limit := flags.Duration("for", 0, "begin no sabotage after this time; 0: all are tried")
	tested := flags.Bool("tested", false, "the tests have just passed without any sabotage: don't run them first")
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
	if err := sabotageAll(ctx, chosen, plan{*side, *limit, *tested}, out, words); err != nil {
		fmt.Fprintln(words, "sabotage:", err)
		return 1
	}
	return 0
}

// plan is how the sabotages are run.
type plan struct {
	side   int           // so many side by side
	limit  time.Duration // none is begun after it; 0: all are
	tested bool          // the tests have passed without any
}

// sabotageAll runs the named tests once without a sabotage and once with each, and prints the table.
func sabotageAll(ctx context.Context, chosen []sabotage, p plan, out, words io.Writer) error {
	began := time.Now()
	root, err := overlay.ModuleRoot(ctx)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "payonce-sabotage-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	r := &runner{root: root, work: work, limit: "3m", side: p.side, progress: words}
	if p.limit > 0 {
		r.until = began.Add(p.limit)
		shuffle(ctx, chosen)
	}
	if err := r.apply(chosen); err != nil {
		return err
	}
	if !p.tested {
		if err := r.clean(ctx, chosen); err != nil {
			return err
		}
	}
	results, err := r.runAll(ctx, chosen)
	if err != nil {
		return err
	}
	return report(out, results, time.Since(began))
}

// shuffle makes another order at each commit, so that each sabotage is tried sooner or later when there is never time for all. A tree
// without git has one order of its own.
func shuffle(ctx context.Context, chosen []sabotage) {
	commit, _ := exec.CommandContext(ctx, "git", "rev-parse", "HEAD").Output()
	random := rand.New(rand.NewChaCha8(sha256.Sum256(commit)))
	random.Shuffle(len(chosen), func(i, j int) { chosen[i], chosen[j] = chosen[j], chosen[i] })
}
