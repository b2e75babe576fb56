package logging

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// firstLine is how long a wait may take without a word, and longestPause the longest time between two lines later.
	firstLine    = 3 * time.Second
	longestPause = 30 * time.Second
)

// Waiting says what a start waits for: a line after 3 s, then with growing pauses, until done is called. What ends
// sooner says nothing. The lines are warnings, because a start that takes so long is seldom what was meant; after one of
// them the end of the wait has a line, too. attrs are added to each.
func Waiting(ctx context.Context, log *slog.Logger, what string, attrs ...any) (done func()) {
	began, over, ended := time.Now(), make(chan struct{}), make(chan struct{})
	since := func() string { return time.Since(began).Round(time.Second).String() }
	go func() {
		defer close(ended)
		pause, told := firstLine, false
		for {
			timer := time.NewTimer(pause)
			select {
			case <-over:
				timer.Stop()
				if told {
					log.InfoContext(ctx, "no longer waiting for "+what, "waited", since()) //nolint:sloglint // a sentence
				}
				return
			case <-timer.C:
			}
			told = true
			log.WarnContext(ctx, "waiting for "+what, append([]any{"waited", since()}, attrs...)...) //nolint:sloglint // a sentence for people
			pause = min(2*pause, longestPause)
		}
	}()
	return sync.OnceFunc(func() { close(over); <-ended })
}
