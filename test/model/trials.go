package model

// Trial is something that the protocol needs and is made to do without, and how that is noticed.
type Trial struct {
	Name   string
	Config Config
	Broken string // what is found
}

// Live tells whether the trial is about what comes to an end, and not about what happens on the way.
func (t Trial) Live() bool { return t.Broken == violations[neverCompletes] }

// Run explores until the promise breaks.
func (t Trial) Run() Result {
	if t.Live() {
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
	refusing  = Config{Requests: []Request{{}, {Key: 1}}, Faults: 1, Refuses: true}
	onTheWay  = Config{Requests: []Request{{}, {Key: 1}}, Slow: true}
	fineSteps = Config{Requests: copies, Faults: 1, Fine: true}
	releases  = Config{Requests: copies, Faults: 1, Stricter: true}
	halves    = Config{Requests: []Request{{}}, Faults: 1, Halves: true}
	picky     = Config{Requests: []Request{{}}, Faults: 1, Picky: true}
	lists     = Config{Requests: []Request{{}}, Faults: 2, Lists: true}
	bodies    = Config{Requests: []Request{{}, {Body: 1}}, Faults: 1}
	paths     = Config{Requests: []Request{{}, {Path: 1}}}
	keys      = Config{Requests: []Request{{}, {Key: 1}}, Faults: 1}
	merchants = Config{Requests: []Request{{Local: true}, {Local: true, Merchant: 1}}, Redis: true}
	givingUp  = Config{Requests: []Request{{}}, GivesUp: true}
	local     = Config{Requests: []Request{{Local: true}, {Local: true}}}
)

// Sabotages are protections that are taken out, one in each trial. The first are those of the fault matrix that exist at
// the level of the model.
func Sabotages() []Trial {
	return []Trial{
		sabotaged(plain, NoFenceInCompletion, lateWrite, "no fence in the completion"),
		sabotaged(plain, NoStateInCompletion, forbiddenArrow, "no state in the completion"),
		sabotaged(redis, PublishBeforeCommit, cachedUncommitted, "publish before commit"),
		sabotaged(hangingUp, RequestContextInCompletion, abandonedWithoutFault, "the request's context in the completion"),
		sabotaged(redis, MarkerReleasedAlways, markerReleasedOpen, "marker released always"),
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
		sabotaged(plain, ReleaseAfterTakeover, releasedAfterTakeover, "a release after a takeover"),
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
		sabotaged(sought(onTheWay, twoChargesForOrder), UntriedIsDeclined, twoChargesForOrder, "an untried intent taken for a decline"),
		sabotaged(sought(onTheWay, twoChargesForOrder), CancelUnconfirmed, twoChargesForOrder, "a cancellation that the provider did not confirm"),
		sabotaged(halves, HalfNeverEnds, neverCompletes, "no end for a half-sent batch"),
		sabotaged(lists, UnclearInSilence, neverCompletes, "a look-up that gives up in silence"),
		sabotaged(lists, FirstMatchEndsSearch, secondChargeUnseen, "a look-up that ends at the first match"),
		sabotaged(picky, RefusalRepeated, neverCompletes, "an answer that the store refuses, tried for ever"),
		sabotaged(sought(refusing, twoChargesForOrder), RefusedResendFails, twoChargesForOrder, "a refused re-send taken for a failure"),
		sabotaged(plain, ServerDefaultIsolation, falseRollback, "the server's default isolation"),
		sabotaged(sought(fineSteps, refusedByItself), NewClaimEachRun, refusedByItself, "the same, and a new claim id in each run"),
		sabotaged(fineSteps, FlightBeforeLookUp, outcomeRefused, "copies refused while the first one looks the key up"),
		sabotaged(redis, MarkerBelieved, outcomeRefused, "a marker believed before a completed record"),
		sabotaged(bodies, SafeByCode, falseAdvice, "`safe_new_key` by code"),
		sabotaged(releases, SchemaBeforeLookUp, outcomeRefused, "the schema's refusal before the look-up"),
		sabotaged(releases, LookUpWithoutLock, falseAdvice, "a look-up before a refusal that does not try the key's lock"),
		sabotaged(givingUp, GivenUpWithoutLock, keptByPrimaryKey, "a key given up without its lock"),
		sabotaged(givingUp, GivenUpInProgress, forbiddenArrow, "a key given up while its request is in progress"),
		sabotaged(aging, SentTooLate, twoCharges, "sent after a sleep without a look at the clock"),
	}
}

// sought is a search for one violation, past others that come before it.
func sought(cfg Config, broken violation) Config {
	cfg.seek = broken
	return cfg
}

// Sound is the search of a trial with nothing taken out, for every violation.
func (t Trial) Sound() Trial {
	t.Config.Name, t.Config.Sabotage, t.Config.Without, t.Config.seek = "", Sound, Nothing, fine
	return t
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
		needed(aging, KeysOutliveResends, twoCharges, "the provider keeps keys for longer than RESEND_MAX_AGE"),
		needed(aging, RequestsArriveInTime, twoCharges, "no request is on its way for longer than the provider keeps keys"),
	}
}

func needed(cfg Config, without Assumption, broken violation, name string) Trial {
	cfg.Name, cfg.Without = name, without
	return Trial{name, cfg, violations[broken]}
}
