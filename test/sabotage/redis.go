package main

// gate has the mistakes in the caches: Redis and the process's own memory.
func gate() []sabotage {
	const (
		entry  = "repository/redis_gate.go"
		values = "repository/redis_value.go"
	)
	return []sabotage{
		{
			name:   "merchant missing in the Redis key",
			breaks: "two merchants with one key push each other's values out of Redis, and refuse each other by their hints",
			edits:  []edit{{values, `copy(text[1:], tenant[:])`, `_ = tenant`}},
			caught: catch{"repository", "TestNamesShowNothingAndDifferByMerchantKeyAndSecret", "two names are one"},
		},
		{
			name:   "no HMAC check",
			breaks: "whoever can write to Redis answers payments",
			edits:  []edit{{values, `if !c.verified(signed, tag) {`, `if !c.verified(signed, tag) && false {`}},
			caught: catch{"repository", "TestAWrongValueIsAMissAndACounter", "another secret's"},
		},
		{
			name:   "owner of a Redis value not checked",
			breaks: "a genuine value of another merchant, put under this one's name, is served",
			edits:  []edit{{values, `if idempotency.Tenant(signed[2:18]) != tenant ||`, `if false && idempotency.Tenant(signed[2:18]) != tenant ||`}},
			caught: catch{"repository", "TestAWrongValueIsAMissAndACounter", "another merchant's"},
		},
		{
			name:   "timeline check removed",
			breaks: "after a failover that lost commits, Redis replays outcomes that no longer exist",
			edits:  []edit{{entry, `case rec.Timeline != g.authority.Timeline():`, `case false:`}},
			caught: catch{"repository", "TestAWrongValueIsAMissAndACounter", "an older timeline"},
		},
		{
			name:   "timeline check removed in the process's memory",
			breaks: "after a failover that lost commits, L1 replays outcomes that no longer exist",
			edits:  []edit{{"repository/memory.go", `if rec.Timeline != m.authority.Timeline() ||`, `if`}},
			caught: catch{"repository", "TestMemoryForgetsAtTheStoresTimeAndAfterAPromotion", "promotion: still replayed"},
		},
		{
			name:   "expired value replayed by Redis",
			breaks: "a Redis that kept or restored a value longer than it was told replays it when Postgres says 410",
			edits:  []edit{{entry, `case !rec.ExpiresAt.After(now):`, `case false:`}},
			caught: catch{"repository", "TestAWrongValueIsAMissAndACounter", "expired"},
		},
		{
			name:   "hint released without comparing its token",
			breaks: "a late request removes the hint of the one that runs now",
			edits:  []edit{{"repository/redis_publisher.go", ` and string.sub(v, 51, 66) == ARGV[1] then`, ` then`}},
			caught: catch{"repository", "TestLeavingRemovesTheOwnHintOnly", "a stranger removed the hint"},
		},
		{
			name:   "hint forgotten when Redis's reply was lost",
			breaks: "a request that was refused meets its own hint when it is sent again, corrected",
			edits:  []edit{{entry, `case !surelyUnsent(err):`, `case false:`}},
			caught: catch{"repository", "TestALostReplyNeverTurnsARequestAgainstItself", "nobody will remove the hint"},
		},
		{
			name:   "Redis's errors refuse requests",
			breaks: "payments stop when Redis does",
			edits: []edit{{
				entry, `case !surelyUnsent(err):`,
				`case err != nil:
				return idempotency.Entry{Admission: entry.Admission, Hinted: true}
			case !surelyUnsent(err):`,
			}},
			caught: catch{"repository", "TestARedisThatRefusesIsLikeOneThatIsAway", "Hinted:true"},
		},
	}
}
