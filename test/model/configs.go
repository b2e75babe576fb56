package model

// Setup is a configuration of the standard set, with bounds that fit into the time of a test run.
type Setup struct {
	Config
	Live int // faults before the look at liveness, which can't use symmetry and doesn't need fine steps; negative: none
	Wide int // faults of the wide run, for machines with time
}

// Standard are the configurations that together cover the protocol. Two copies stand for any number of them: one replica
// works for a key once, so of three copies on two replicas the third is refused at once.
func Standard() []Setup {
	var (
		pay      = Request{}
		body     = Request{Body: 1}
		key      = Request{Key: 1}
		local    = Request{Local: true}
		edited   = Request{Local: true, Body: 1}
		merchant = Request{Local: true, Merchant: 1}
		copies   = []Request{pay, pay}
	)
	return []Setup{
		{Config{Name: "two copies, L1 and Redis", Requests: copies, Faults: 3, Redis: true}, 0, 3},
		{Config{Name: "two copies, a lying Redis", Requests: copies, Faults: 1, Redis: true, Lies: true}, -1, 3},
		{Config{Name: "two copies, declined or refused", Requests: copies, Faults: 3, Declines: true, Refuses: true}, 1, 3},
		{Config{Name: "same key, another body", Requests: []Request{pay, body}, Faults: 2, Declines: true, Refuses: true}, 0, 3},
		{Config{Name: "two copies and another body", Requests: []Request{pay, pay, body}, Faults: 3}, 1, 3},
		{Config{Name: "two keys for one order", Requests: []Request{pay, key}, Faults: 3}, 3, 3},
		{Config{Name: "two keys for one order, declined", Requests: []Request{pay, key}, Faults: 1, Declines: true}, -1, 3},
		{Config{Name: "two copies and another key", Requests: []Request{pay, pay, key}, Faults: 3}, -1, 3},
		{Config{Name: "clients that hang up", Requests: copies, Faults: 3, HangUps: true}, -1, 3},
		{Config{Name: "attempts and provider keys age", Requests: copies, Faults: 3, Aging: true}, 1, 3},
		{Config{Name: "two copies, a slow provider", Requests: copies, Faults: 2, Slow: true, Declines: true}, 0, 3},
		{Config{Name: "two keys, a slow provider", Requests: []Request{pay, key}, Slow: true}, -1, 1},
		{Config{Name: "two copies, batches arriving in part", Requests: copies, Faults: 2, Halves: true, Refuses: true}, 1, 3},
		{Config{Name: "two keys, batches arriving in part", Requests: []Request{pay, key}, Faults: 2, Halves: true}, 1, 3},
		{Config{Name: "a stricter release beside it", Requests: copies, Faults: 2, Stricter: true, Redis: true}, 0, 3},
		{Config{Name: "a stricter release, another body", Requests: []Request{pay, body}, Faults: 2, Stricter: true, Life: true}, 1, 3},
		{Config{Name: "lists that fail, unstorable answers", Requests: copies, Faults: 2, Lists: true, Picky: true}, 1, 3},
		{Config{
			Name: "one request, the provider at its worst", Requests: []Request{pay}, Faults: 2, Slow: true, Aging: true, Declines: true,
			Refuses: true, Lists: true, Picky: true,
		}, 1, 3},
		{Config{Name: "records expire and are deleted", Requests: copies, Faults: 3, Life: true}, 1, 3},
		{Config{Name: "a key is given up, two copies", Requests: copies, Faults: 2, GivesUp: true, Refuses: true}, 1, 3},
		{Config{Name: "a key is given up, another body", Requests: []Request{pay, body}, Faults: 1, GivesUp: true, Halves: true, Life: true}, 1, 3},
		{Config{Name: "a key is given up, two keys for one order", Requests: []Request{pay, key}, Faults: 1, GivesUp: true}, -1, 3},
		{Config{Name: "a key is given up, a stricter release", Requests: copies, Faults: 1, GivesUp: true, Stricter: true, Redis: true}, -1, 2},
		{Config{Name: "a key is given up, a local effect", Requests: []Request{local, edited}, Faults: 2, GivesUp: true, Redis: true}, 1, 3},
		{Config{Name: "a failover loses commits", Requests: copies, Faults: 2, Failover: true}, 1, 3},
		{Config{Name: "a failover, L1 and Redis", Requests: []Request{pay}, Faults: 1, Failover: true, Redis: true}, 1, 3},
		{Config{Name: "a failover, another body", Requests: []Request{pay, body}, Faults: 1, Failover: true}, -1, 2},
		{Config{Name: "a failover, two keys for one order", Requests: []Request{pay, key}, Faults: 1, Failover: true}, -1, 2},
		{Config{Name: "nothing merged, two copies", Requests: copies, Faults: 1, Fine: true, Redis: true}, -1, 3},
		{Config{Name: "nothing merged, another body", Requests: []Request{pay, body}, Faults: 2, Fine: true}, -1, 3},
		{Config{Name: "nothing merged, two keys for one order", Requests: []Request{pay, key}, Faults: 1, Fine: true}, -1, 3},
		{Config{Name: "local effect, two copies", Requests: []Request{local, local}, Faults: 3, Redis: true, Lies: true}, 3, 3},
		{Config{Name: "local effect, another body", Requests: []Request{local, edited}, Faults: 3, Redis: true, Lies: true}, 3, 3},
		{Config{Name: "local effect, two merchants, one key", Requests: []Request{local, merchant}, Faults: 3, Redis: true, Lies: true}, 3, 3},
	}
}
