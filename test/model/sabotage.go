package model

// Sabotage is one protection of the protocol that is taken out.
type Sabotage uint8

// The sabotages. Those of the fault matrix come first.
const (
	Sound Sabotage = iota
	NoFenceInCompletion
	NoStateInCompletion
	PublishBeforeCommit
	RequestContextInCompletion
	MarkerReleasedAlways
	RedisMissTrusted
	RandomProviderKey
	ProviderKeyFromRowID
	ServerErrorStored
	AcceptedOverwritten
	CleanupIgnoresState
	PathMissingInFingerprint
	MerchantMissingInRedisKey
	NoHMACCheck
	CommitErrorIsRollback
	GuardDoesNotRaise
	ReleaseAfterTakeover
	IDNotDerived
	FoundWithoutClaimID
	RecoveryWithoutFence
	LeaseByReplicaClock
	EffectOutsideTransaction
	LedgerAfterCommit
	RetryWithoutReading
	SocketBeforeCommit
	ReadFromStandby
	// Not in the matrix, and as deadly.
	NotFoundIsFailed
	ResentAtAnyAge
	ResolveDoesNotWait
	TimelineIgnored
	ExpiredIsAnswered
	NoRecovery
	UntriedIsDeclined
	UnclearInSilence
	FirstMatchEndsSearch
	RefusedResendFails
	SentTooLate
	HalfNeverEnds
	ServerDefaultIsolation
	NewClaimEachRun
	FlightBeforeLookUp
	MarkerBelieved
	SafeByCode
	SchemaBeforeLookUp
	LookUpWithoutLock
	RefusalRepeated
	CancelUnconfirmed
	GivenUpWithoutLock
	GivenUpInProgress
)
