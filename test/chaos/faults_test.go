package chaos

import (
	"context"
	"syscall"
	"time"

	"github.com/payonce/payonce/test/proxy"
)

const (
	armedFor     = 2 * time.Second // for a moment that may not come
	restartLimit = time.Minute
	outcomeBytes = 150 // a cached outcome is longer, a hint is shorter
)

// allFaults are those of the nemesis. A replica whose clock is wrong belongs into this list as soon as it can be had.
func allFaults() []*fault {
	postgres := func(w *world, s strike) *proxy.Proxy { return w.replicas[s.replica].postgres.Proxy }
	redis := func(w *world, s strike) *proxy.Proxy { return w.replicas[s.replica].redis.Proxy }
	provider := func(w *world, s strike) *proxy.Proxy { return w.replicas[s.replica].provider.Proxy }
	clients := func(w *world, s strike) *proxy.Proxy { return w.replicas[s.replica].front.Proxy }
	list := []*fault{
		{name: "kill", perHour: 3400, lane: "replica", blocks: true, do: (*world).kill},
		{name: "freeze", perHour: 400, lane: "replica", blocks: true, do: (*world).freeze},
		{name: "terminate", perHour: 300, lane: "replica", blocks: true, do: (*world).terminate},
		{name: "restart postgres", perHour: 115, lane: "postgres", stops: true, do: (*world).restartPostgres},
		{name: "flush redis", perHour: 680, lane: "redis", do: (*world).flushRedis},
		{name: "restart redis", perHour: 90, lane: "redis", do: (*world).restartRedis},
		{name: "freeze redis", perHour: 120, lane: "redis", do: (*world).freezeRedis},

		{name: "jump postgres's clock", perHour: 120, lane: "clock", do: (*world).jumpClock},

		armed("cut before commit", 1300, "postgres wire", proxy.CutBeforeCommit, postgres),
		armed("cut after commit", 1300, "postgres wire", proxy.CutAfterCommit, postgres),
		armed("cut query", 200, "postgres wire", proxy.CutRequest, postgres),
		armed("cut rows", 300, "postgres wire", proxy.CutReply, postgres),
		held("hold commit", 200, "postgres wire", proxy.HoldCommit, postgres),
		armed("swap redis reply", 900, "redis wire", proxy.SwapReply, redis),
		armed("truncate redis reply", 300, "redis wire", proxy.TruncateReply, redis),
		armed("alter redis reply", 300, "redis wire", proxy.AlterReply, redis),
		armed("lose redis reply", 600, "redis wire", proxy.CutReply, redis),
		armed("cut call to provider", 300, "provider wire", proxy.CutRequest, provider),
		armed("cut answer of provider", 500, "provider wire", proxy.CutReply, provider),
		held("hold call to provider", 100, "provider wire", proxy.HoldRequest, provider),
		held("hold answer of provider", 100, "provider wire", proxy.HoldReply, provider),
		armed("cut client's request", 300, "client wire", proxy.CutRequest, clients),
		armed("cut client's answer", 500, "client wire", proxy.CutReply, clients),
	}
	for _, side := range []struct {
		name string
		wire func(*world, strike) *proxy.Proxy
	}{{"postgres", postgres}, {"redis", redis}, {"provider", provider}} {
		lane, wire := side.name, side.wire
		list = append(list,
			lasting("reset "+lane, 100, lane+" wire", wire, func(p *proxy.Proxy) { p.ResetAll() }, func(*proxy.Proxy) error { return nil }),
			lasting("refuse "+lane, 60, lane+" wire", wire, func(p *proxy.Proxy) { p.Refuse(); p.ResetAll() }, (*proxy.Proxy).Accept),
			lasting("black hole "+lane, 60, lane+" wire", wire, func(p *proxy.Proxy) { p.BlackHole(true) },
				func(p *proxy.Proxy) error { p.BlackHole(false); return nil }),
			lasting("slow "+lane, 60, lane+" wire", wire, func(p *proxy.Proxy) { p.Latency(20 * time.Millisecond) },
				func(p *proxy.Proxy) error { p.Latency(0); return nil }),
		)
	}
	for _, f := range list {
		f.blocks = f.blocks || f.name == "refuse postgres" || f.name == "black hole postgres"
	}
	return list
}

// armed waits for its moments and breaks them.
func armed(name string, perHour float64, lane string, kind proxy.Kind, wire func(*world, strike) *proxy.Proxy) *fault {
	return &fault{name: name, perHour: perHour, lane: lane, do: func(w *world, s strike) {
		f := proxy.Fault{Kind: kind, Times: s.times, Bytes: s.bytes * (s.times % 2)}
		if kind == proxy.AlterReply || kind == proxy.TruncateReply {
			f.Bytes = outcomeBytes
		}
		a := wire(w, s).Arm(f)
		w.wait(armedFor, func() bool { return a.Hits() >= int64(s.times) })
		a.Disarm()
	}}
}

// held waits for one moment and lets it wait.
func held(name string, perHour float64, lane string, kind proxy.Kind, wire func(*world, strike) *proxy.Proxy) *fault {
	return &fault{name: name, perHour: perHour, lane: lane, do: func(w *world, s strike) {
		a := wire(w, s).Arm(proxy.Fault{Kind: kind})
		w.wait(armedFor, func() bool { return a.Held() > 0 })
		w.pause(s.length)
		a.Release()
	}}
}

// lasting is a state with a beginning and an end.
func lasting(name string, perHour float64, lane string, wire func(*world, strike) *proxy.Proxy, begin func(*proxy.Proxy), end func(*proxy.Proxy) error) *fault {
	return &fault{name: name, perHour: perHour, lane: lane, do: func(w *world, s strike) {
		p := wire(w, s)
		begin(p)
		w.pause(s.length)
		for end(p) != nil { // another process listens there
			w.pause(50 * time.Millisecond)
		}
	}}
}

func (w *world) kill(s strike) {
	r := w.replicas[s.replica]
	r.service.Kill()
	w.start(r)
}

func (w *world) terminate(s strike) {
	r := w.replicas[s.replica]
	if code := r.service.Stop(); code != 0 {
		w.t.Errorf("replica %d ended with %d when it was asked to", s.replica, code)
	}
	w.start(r)
}

// start tries until the replica runs: without its database it doesn't.
func (w *world) start(r *replica) {
	limit := time.Now().Add(restartLimit)
	for {
		err := r.service.TryRestart()
		if err == nil {
			err = r.front.Target(r.service.URL())
		}
		if err == nil {
			return
		}
		if time.Now().After(limit) {
			w.t.Errorf("a replica does not start: %v", err)
			return
		}
		w.pause(50 * time.Millisecond)
	}
}

func (w *world) freeze(s strike) {
	r := w.replicas[s.replica]
	r.service.Signal(syscall.SIGSTOP)
	w.pause(s.length)
	r.service.Signal(syscall.SIGCONT)
}

func (w *world) restartPostgres(s strike) {
	if err := w.postgres.Kill(); err != nil {
		w.t.Errorf("kill PostgreSQL: %v", err)
	}
	w.pause(s.length % (300 * time.Millisecond))
	ctx, cancel := context.WithTimeout(context.Background(), restartLimit)
	defer cancel()
	if err := w.postgres.Restart(ctx); err != nil {
		w.t.Errorf("restart PostgreSQL: %v", err)
	}
}

func (w *world) flushRedis(strike) {
	ctx, cancel := context.WithTimeout(context.Background(), restartLimit)
	defer cancel()
	if err := w.cache.FlushAll(ctx).Err(); err != nil {
		w.t.Errorf("flush Redis: %v", err)
	}
}

func (w *world) restartRedis(s strike) {
	w.redis.Stop()
	w.pause(s.length % (500 * time.Millisecond))
	w.redis.Start()
}

func (w *world) freezeRedis(s strike) {
	w.redis.Freeze()
	w.pause(s.length % time.Second)
	w.redis.Thaw()
}
