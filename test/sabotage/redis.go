package main

// gate has the mistakes in the caches: Redis and the process's own memory.
func gate() []sabotage {
	return []sabotage{
		{
			name:   "merchant missing in the Redis key",
			breaks: "two merchants with one key push each other's values out of Redis, and refuse each other by their hints",
			edits:  []edit{{"redis.valueCodec.recordName", `copy(text[1:], tenant[:])`, `_ = tenant`}},
			caught: catch{"idempotency/redis", "TestNamesShowNothingAndDifferByMerchantKeyAndSecret", "two names are one"},
		},
		{
			name:   "no HMAC check",
			breaks: "a program that can write to Redis can forge the answers to payments",
			edits:  []edit{{"redis.valueCodec.decode", `if !c.verified(signed, tag) {`, `if !c.verified(signed, tag) && false {`}},
			caught: catch{"idempotency/redis", "TestAWrongValueIsAMissAndACounter", "another secret's"},
		},
		{
			name:   "owner of a Redis value not checked",
			breaks: "a genuine value of another merchant, put under this one's name, is served",
			edits:  []edit{{"redis.valueCodec.decode", `if idempotency.Tenant(signed[2:18]) != tenant ||`, `if false && idempotency.Tenant(signed[2:18]) != tenant ||`}},
			caught: catch{"idempotency/redis", "TestAWrongValueIsAMissAndACounter", "another merchant's"},
		},
		{
			name:   "a look-up that was given up is sent",
			breaks: "it leaves a marker behind, and the client's next try is refused for a second",
			edits: []edit{{
				"redis.Cache.sendLookUps", `case l.stage.CompareAndSwap(lookUpWaits, lookUpSent):`, `case l.stage.CompareAndSwap(lookUpWaits, lookUpSent) || left > 0:`,
			}, {"redis.Cache.sendLookUps", `case rest < c.patience.lookUp/leastPart:`, `case rest < -time.Hour:`}, {"redis.Cache.sendLookUps", `sent, left = append(sent, l), min(left, rest)`, `sent = append(sent, l)`}},
			caught: catch{"idempotency/redis", "TestALookUpThatWasGivenUpIsNotSent", "was given up and has set its marker"},
		},
		{
			name:   "a tenant whose keys were new never asks again",
			breaks: "a client that begins to send its requests again reaches PostgreSQL with each of them",
			edits:  []edit{{"redis.misses.note", `n.Store(0)`, `_ = n`}},
			caught: catch{"idempotency/redis", "TestATenantWhoseKeyIsFoundAsksAgain", "keys were looked up"},
		},
		{
			name:   "a request that met a copy isn't looked up",
			breaks: "the handler runs in vain for requests whose answer is in Redis",
			edits:  []edit{{"redis.Cache.LookupAndMark", `counted == "" && !req.Repeated && c`, `counted == "" && c`}},
			caught: catch{"idempotency/redis", "TestARepeatedRequestAlwaysAsks", "repeated requests were looked up"},
		},
		{
			name:   "requests of a limited tenant are not counted while its keys are new",
			breaks: "each replica lets the whole rate limit through",
			edits:  []edit{{"redis.Cache.LookupAndMark", `if counted == "" && !req.Repeated`, `if !req.Repeated`}},
			caught: catch{"idempotency/redis", "TestARequestThatRedisCountsAlwaysAsks", "requests were counted in Redis"},
		},
		{
			name:   "timeline check removed",
			breaks: "after a failover that lost commits, Redis replays outcomes that no longer exist",
			edits:  []edit{{"redis.Cache.timely", `case rec.Timeline != timeline:`, `case false:`}},
			caught: catch{"idempotency/redis", "TestAWrongValueIsAMissAndACounter", "an older timeline"},
		},
		{
			name:   "timeline check removed in the process's memory",
			breaks: "after a failover that lost commits, L1 replays outcomes that no longer exist",
			edits:  []edit{{"idempotency.LocalCache.Get", `if entry.rec.Timeline != timeline ||`, `if`}},
			caught: catch{"idempotency", "TestLocalCacheForgetsAtTheStoresTimeAndAfterAPromotion", "promotion: still replayed"},
		},
		{
			name:   "expired value replayed by Redis",
			breaks: "a Redis that kept or restored a value longer than it was told replays it when Postgres says 410",
			edits:  []edit{{"redis.Cache.timely", `case !rec.ExpiresAt.After(now):`, `case false:`}},
			caught: catch{"idempotency/redis", "TestAWrongValueIsAMissAndACounter", "expired"},
		},
		{
			name:   "hint released without comparing its token",
			breaks: "a late request removes the hint of the one that runs now",
			edits:  []edit{{"redis.leaveSource", ` and string.sub(v, 51, 66) == ARGV[1] then`, ` then`}},
			caught: catch{"idempotency/redis", "TestReleasingRemovesTheOwnMarkerOnly", "a stranger removed the marker"},
		},
		{
			name:   "hint forgotten when Redis's reply was lost",
			breaks: "a request that was refused meets its own hint when it is sent again, corrected",
			edits:  []edit{{"redis.Cache.LookupAndMark", `case !surelyUnsent(err):`, `case false:`}},
			caught: catch{"idempotency/redis", "TestALostReplyNeverTurnsARequestAgainstItself", "the request would not remove its marker"},
		},
		{
			name:   "Redis's errors refuse requests",
			breaks: "payments stop when Redis does",
			edits: []edit{{
				"redis.Cache.LookupAndMark", `case !surelyUnsent(err):`,
				`case err != nil:
				return idempotency.LookupResult{Admission: entry.Admission, InFlight: true}
			case !surelyUnsent(err):`,
			}},
			caught: catch{"idempotency/redis", "TestARedisThatRefusesIsLikeOneThatIsAway", "InFlight:true"},
		},
	}
}
