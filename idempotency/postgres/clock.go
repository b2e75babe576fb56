package postgres

import "time"

// clock maps this process's monotonic clock to the store's.
type clock struct {
	store time.Time     // the store's time
	at    time.Time     // at this moment
	off   time.Duration // how wrong store may be: half of the round trip that read it
}

// clockDrift is how far the two clocks may drift apart per unit of time: twice what NTP's slewing does (500 ppm, RFC 5905).
const clockDrift = 0.001

// now is the store's time; without a look yet, this machine's.
func (c *clock) now() time.Time {
	if c == nil {
		return time.Now()
	}
	return c.store.Add(time.Since(c.at))
}

// better is the one of two looks at the store's clock to go by: the closer one, where the older one gets less close with its age. On
// a busy machine most looks are slow, and going by each of them would make time jump by milliseconds. A look that contradicts the
// older one shows that the store's clock was set.
func (c *clock) better(seen *clock) *clock {
	if c == nil {
		return seen
	}
	passed := seen.at.Sub(c.at)
	off := c.off + time.Duration(float64(passed)*clockDrift)
	difference := seen.store.Sub(c.store) - passed
	if seen.off <= off || difference.Abs() > off+seen.off {
		return seen
	}
	return c
}
