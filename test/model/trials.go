package model

// Trial is something that the protocol needs and is made to do without, and how that is noticed.
type Trial struct {
	Name   string
	Config Config
	Broken string // what is found
}

// Run explores until the promise breaks.
func (t Trial) Run() Result {
	if t.Broken == violations[neverCompletes] {
		return Complete(t.Config).Result
	}
	return Explore(t.Config)
}

// Each trial has a configuration that is large enough for it.
var (
	copies    = []Request{{}, {}}
	plain     = Config{Requests: copies, Faults: 1}
	redis     = Config{Requests: copies, Faults: 1, Redis: true}
	lying     = Config{Requests: copies, Faults: 1, Redis: true, Lies: true}
	hangingUp = Config{Requests: copies, HangUps: true}
	ending    = Config{Requests: copies, Faults: 1, Life: true}
	aging     = Config{Requests: copies, Faults: 2, Aging: true}
	lossy     = Config{Requests: copies, Faults: 1, Failover: true}
	lossyL1   = Config{Requests: []Request{{}}, Faults: 1, Failover: true, Redis: true}
	refusing  = Config{Requests: copies, Faults: 1, Refuses: true}
	bodies    = Config{Requests: []Request{{}, {Body: 1}}, Faults: 1}
	paths     = Config{Requests: []Request{{}, {Path: 1}}}
	keys      = Config{Requests: []Request{{}, {Key: 1}}, Faults: 1}
	merchants = Config{Requests: []Request{{Local: true}, {Local: true, Merchant: 1}}, Redis: true}
	local     = Config{Requests: []Request{{Local: true}, {Local: true}}}
)

// Sabotages are protections that are taken out, one in each trial. The first are those of the fault matrix that exist at
// the level of the model.
func Sabotages() []Trial {
	return []Trial{
		sabotaged(plain, NoFenceInSettle, lateWrite, "no fence in T2"),
		sabotaged(plain, NoStateInSettle, forbiddenArrow, "no state in T2"),
		sabotaged(redis, PublishBeforeCommit, cachedUncommitted, "publish before commit"),
		sabotaged(hangingUp, RequestContextInSettle, abandonedWithoutFault, "the request's context in T2"),
		sabotaged(redis, HintReleasedAlways, hintReleasedOpen, "hint released always"),
		sabotaged(redis, RedisMissTrusted, keptByPrimaryKey, "a Redis miss trusted as new"),
		sabotaged(plain, RandomProviderKey, twoChargesForRequest, "a random provider key"),
		sabotaged(lossy, ProviderKeyFromRowID, twoChargesForRequest, "provider key from the row id"),
		sabotaged(plain, ServerErrorStored, notAnOutcome, "a 5xx stored"),
		sabotaged(plain, AcceptedOverwritten, forbiddenArrow, "202 stored, then overwritten"),
		sabotaged(ending, CleanupIgnoresState, forbiddenArrow, "cleanup that ignores the state"),
		sabotaged(paths, PathMissingInFingerprint, anothersReply, "path missing in the fingerprint"),
		sabotaged(merchants, MerchantMissingInRedisKey, readUnderAnothersName, "merchant missing in the Redis key"),
		sabotaged(lying, NoHMACCheck, toldUncommitted, "no HMAC check"),
		sabotaged(plain, CommitErrorIsRollback, falseRefusal, "a COMMIT error treated as rolled back"),
		sabotaged(plain, GuardDoesNotRaise, toldUncommitted, "a guard in the last batch that doesn't raise"),
		sabotaged(plain, TakeBackAfterTakeover, takenBackAfterTakeover, "a take-back after a takeover"),
		sabotaged(lossy, IDNotDerived, chargeWithoutPayment, "an id that is not derived"),
		sabotaged(bodies, FoundWithoutClaimID, takenForMine, "a record found without looking at claim_id"),
		sabotaged(plain, RecoveryWithoutFence, takenOverTooEarly, "recovery without SKIP LOCKED and fence"),
		sabotaged(plain, LeaseByReplicaClock, takenOverTooEarly, "lease by the replica's clock"),
		sabotaged(local, EffectOutsideTransaction, effectWithoutRecord, "effect outside the transaction"),
		sabotaged(plain, LedgerAfterCommit, ledgerDiffers, "ledger entry after the commit"),
		sabotaged(keys, RetryWithoutReading, secondLivePayment, "retry of 40001 without reading again"),
		sabotaged(plain, SocketBeforeCommit, toldUncommitted, "the socket written before the commit"),
		sabotaged(plain, ReadFromStandby, keptByPrimaryKey, "an idempotency row read from a standby"),

		sabotaged(plain, NotFoundIsFailed, failedWhileCharged, "one \"not found\" taken for a failure"),
		sabotaged(aging, ResentAtAnyAge, twoCharges, "sent again at any age"),
		sabotaged(plain, ResolveDoesNotWait, falseRollback, "Resolve that does not wait for the key's lock"),
		sabotaged(lossyL1, TimelineIgnored, staleTimeline, "caches that ignore the timeline"),
		sabotaged(ending, ExpiredIsAnswered, answeredWithoutResponse, "an outcome read from a record that has expired"),
		sabotaged(plain, NoRecovery, neverCompletes, "no recovery"),
	}
}

func sabotaged(cfg Config, sabotage Sabotage, broken violation, name string) Trial {
	cfg.Name, cfg.Sabotage = name, sabotage
	return Trial{name, cfg, violations[broken]}
}

// Beyond are the sabotages of the fault matrix that the model can't show, each with the reason.
func Beyond() [][2]string {
	return [][2]string{
		{"the body re-encoded on replay", "a response is its outcome here and has no bytes; the end-to-end tests compare bytes"},
		{"waiting while holding a connection", "connections are not counted here; the tests of the pools and the storm do"},
		{"RowsAffected ignored", "every guard raises in SQL, so this is the guard that doesn't raise; sweeps only count their rows"},
	}
}

// Needs are what the protocol relies on outside of payonce; each trial does without one.
func Needs() []Trial {
	return []Trial{
		needed(refusing, RefusalsStand, failedWhileCharged, "what the provider refuses once it refuses always"),
		needed(aging, KeysOutliveResends, twoCharges, "the provider keeps keys for longer than RESEND_MAX_AGE"),
		needed(aging, RequestsArriveInTime, twoCharges, "no request is on its way for longer than the provider keeps keys"),
	}
}

func needed(cfg Config, without Assumption, broken violation, name string) Trial {
	cfg.Name, cfg.Without = name, without
	return Trial{name, cfg, violations[broken]}
}
