package middleware

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
)

// arrivals are requests to a handler behind PaceCopies, and when each of them got there.
type arrivals struct {
	engine *gin.Engine
	began  time.Time
	stay   time.Duration // in the handler

	mu     sync.Mutex
	reach  map[string][]time.Duration // by key, in order
	paced  time.Duration              // the longest that a log line says
	answer sync.WaitGroup
}

func newArrivals(stay time.Duration) *arrivals {
	gin.SetMode(gin.TestMode)
	a := &arrivals{engine: gin.New(), began: time.Now(), stay: stay, reach: map[string][]time.Duration{}}
	a.engine.POST("/", PaceCopies(), func(c *gin.Context) {
		a.mu.Lock()
		a.paced = max(a.paced, LineOf(c).Paced)
		key := c.GetHeader("Authorization") + c.GetHeader("Idempotency-Key")
		a.reach[key] = append(a.reach[key], time.Since(a.began))
		a.mu.Unlock()
		time.Sleep(a.stay) //nolint:forbidigo // the bubble's clock
	})
	return a
}

func (a *arrivals) send(ctx context.Context, caller, key string, n int) {
	for range n {
		a.answer.Go(func() {
			req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", nil)
			req.Header.Set("Authorization", caller)
			if key != "" {
				req.Header.Set("Idempotency-Key", key)
			}
			a.engine.ServeHTTP(httptest.NewRecorder(), req)
		})
	}
}

// at is when the n-th request with a key got to the handler.
func (a *arrivals) at(t *testing.T, name string, n int) time.Duration {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	reached := slices.Sorted(slices.Values(a.reach[name]))
	if len(reached) < n {
		t.Fatalf("%d requests with %q got to the handler, want %d", len(reached), name, n)
	}
	return reached[n-1]
}

func TestCopiesOfAStormComeOneAfterTheOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newArrivals(time.Minute)
		const storm = freeCopies + 1000
		a.send(t.Context(), "A", "storm", storm)
		synctest.Wait()
		a.send(t.Context(), "A", "other", 1)
		a.send(t.Context(), "B", "storm", 1) // another caller's key of that name
		a.send(t.Context(), "A", "", 100)
		synctest.Wait()
		for name, n := range map[string]int{"Astorm": freeCopies, "Aother": 1, "Bstorm": 1, "A": 100} {
			if at := a.at(t, name, n); at != 0 {
				t.Errorf("%q was held back for %s", name, at)
			}
		}
		a.answer.Wait()
		interval := newPacer(time.Second / copiesPerSecond).interval
		first, last := a.at(t, "Astorm", freeCopies+1), a.at(t, "Astorm", storm)
		if first <= 0 || last < 900*first || last > 1000*interval || last > longestPace {
			t.Errorf("the copies came from %s to %s, want them one after the other", first, last)
		}
		if a.paced != last {
			t.Errorf("the log says that a copy was held back for %s, it was for %s", a.paced, last)
		}
	})
}

func TestAStormIsForgottenWhenItIsOver(t *testing.T) {
	t.Parallel()
	p := newPacer(time.Hour)
	for range freeCopies {
		if pause := p.enter(1); pause != 0 {
			t.Fatalf("one of the first was held back for %s", pause)
		}
	}
	for range 3 {
		if pause := p.enter(1); pause != longestPace {
			t.Errorf("the next is held back for %s, want %s at most", pause, longestPace)
		}
	}
	if ahead := p.crowds[1].next - time.Since(p.began); ahead > longestPace {
		t.Errorf("a storm is remembered for %s", ahead)
	}
	for range freeCopies + 3 {
		p.leave(1)
	}
	if pause := p.enter(1); pause != 0 {
		t.Errorf("the first after the storm is held back for %s", pause)
	}
	if p.leave(1); len(p.crowds) != 0 {
		t.Errorf("%d keys are remembered that nobody uses", len(p.crowds))
	}
}

func TestAClientThatHangsUpIsNotHeldBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newArrivals(time.Hour)
		a.send(t.Context(), "A", "storm", freeCopies)
		synctest.Wait()
		gone, hangUp := context.WithCancel(t.Context())
		a.send(gone, "A", "storm", 1)
		hangUp()
		synctest.Wait()
		if at := a.at(t, "Astorm", freeCopies+1); at != 0 {
			t.Errorf("it went on after %s", at)
		}
		a.answer.Wait()
	})
}

func BenchmarkPaceCopies(b *testing.B) {
	p := newPacer(time.Millisecond)
	caller, key := []string{"Bearer sk_test_0123456789abcdefghijklmnop"}, []string{"order-0123456789"}
	for b.Loop() {
		name := p.name(caller, key)
		p.enter(name)
		p.leave(name)
	}
}
