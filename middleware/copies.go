package middleware

import (
	"hash/maphash"
	"runtime"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
)

const (
	// freeCopies of one key are let in at once: double clicks, and the retries of a client that is in a hurry.
	freeCopies = 16
	// copiesPerSecond of one key are let in for each processor beyond that. A copy takes some 40 µs of one, so a storm of them leaves four
	// fifths of the machine to others.
	copiesPerSecond = 5000
	// longestPace is the longest that a copy is held back. Those that would have to wait longer come then, all at once.
	longestPace = time.Second
)

// PaceCopies lets copies of a request in one after the other when many with one Idempotency-Key are here at the same moment, so that
// a storm of them leaves the processors to other requests. It stands before the body is read, and only delays: what becomes of
// a copy is decided behind it. The first ones are never held back. Callers are told apart by their Authorization header: where another one
// says who calls, strangers can hold a caller's copies back for a second.
func PaceCopies() gin.HandlerFunc {
	p := newPacer(time.Second / time.Duration(copiesPerSecond*runtime.GOMAXPROCS(0)))
	return func(c *gin.Context) {
		keys := c.Request.Header["Idempotency-Key"]
		if len(keys) == 0 {
			return
		}
		crowd := p.name(c.Request.Header["Authorization"], keys)
		pause := p.enter(crowd)
		defer p.leave(crowd)
		if pause > 0 {
			LineOf(c).Paced = pause
			timer := time.NewTimer(pause)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-c.Request.Context().Done():
			}
		}
		c.Next()
	}
}

// pacer knows which keys are being used at this moment, and by how many requests.
type pacer struct {
	interval time.Duration
	began    time.Time
	seed     maphash.Seed

	mu     sync.Mutex
	crowds map[uint64]crowd
}

// crowd are the requests that use one key.
type crowd struct {
	here int
	next time.Duration // when the next one may go on, since the pacer began
}

func newPacer(interval time.Duration) *pacer {
	return &pacer{interval: interval, began: time.Now(), seed: maphash.MakeSeed(), crowds: map[uint64]crowd{}}
}

// name stands for a caller's key. Two that have one name by chance are held back together, and nothing else.
func (p *pacer) name(lists ...[]string) uint64 {
	var h maphash.Hash
	h.SetSeed(p.seed)
	for _, list := range lists {
		for _, text := range list {
			_, _ = h.WriteString(text) // never fails
			_ = h.WriteByte(0)
		}
	}
	return h.Sum64()
}

// enter counts a request and says how long it is to wait. leave has to follow.
func (p *pacer) enter(name uint64) (pause time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.crowds[name]
	if c.here++; c.here > freeCopies {
		now := time.Since(p.began)
		c.next = min(max(c.next, now)+p.interval, now+longestPace)
		pause = c.next - now
	}
	p.crowds[name] = c
	return pause
}

func (p *pacer) leave(name uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.crowds[name]
	if c.here--; c.here > 0 {
		p.crowds[name] = c
		return
	}
	delete(p.crowds, name)
}
