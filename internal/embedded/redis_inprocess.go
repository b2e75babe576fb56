package embedded

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// tick is how often keys are aged: the precision of a time to live.
const tick = 100 * time.Millisecond

// inProcess is a Redis in this process. It can only listen on TCP, so it takes
// a random port of the loopback and asks for a password, because other users
// of the machine can reach it there.
type inProcess struct {
	server *miniredis.Miniredis
	url    string
	quit   chan struct{}
	ticker sync.WaitGroup
}

func startInProcess() (*inProcess, error) {
	server := miniredis.NewMiniRedis()
	password := rand.Text()
	server.RequireAuth(password)
	if err := server.Start(); err != nil {
		return nil, fmt.Errorf("listen on the loopback: %w", err)
	}
	u := url.URL{Scheme: "redis", User: url.UserPassword("", password), Host: server.Addr(), Path: "/0"}
	p := &inProcess{server: server, url: u.String(), quit: make(chan struct{})}
	p.ticker.Go(p.age)
	return p, nil
}

// age lets keys expire, which the server doesn't do by the clock. Its own
// ClockTTL would walk all keys at every command.
func (p *inProcess) age() {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-p.quit:
			return
		case <-ticker.C:
			// By what has passed, not by a tick: ticks are dropped under load.
			now := time.Now()
			p.server.FastForward(now.Sub(last))
			last = now
		}
	}
}

func (p *inProcess) stop() {
	close(p.quit)
	p.ticker.Wait()
	p.server.Close()
}
