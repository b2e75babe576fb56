package main

// webhooks has the mistakes in what is sent to merchants, and in keeping its secrets.
func webhooks() []sabotage {
	return []sabotage{
		{
			name:   "the outbox not in the event's statement",
			breaks: "an event is committed, and a crash before its deliveries are written loses them",
			edits:  []edit{{"repository.outbox", `WHERE w.enabled AND`, `WHERE false AND w.enabled AND`}},
			caught: catch{"notifications", "TestAnEventIsCommittedTogetherWithItsDelivery", "0 deliveries, <nil>; want one"},
		},
		{
			name:   "the address of a receiver checked at registration only",
			breaks: "a name that stands for a public address when it is checked has requests sent into our network later",
			edits:  []edit{{"notifications.newSender", `, Control: addresses.control}`, `}`}},
			caught: catch{"notifications", "TestAnAddressIsCheckedAgainWhenItIsDialled", "want it refused"},
		},
		{
			name:   "a redirect of a receiver followed",
			breaks: "a receiver has requests sent, and signed, wherever it wants",
			edits:  []edit{{"notifications.newSender", `return http.ErrUseLastResponse }`, `return nil }`}},
			caught: catch{"notifications", "TestARedirectIsAFailureAndIsNotFollowed", "a redirect was followed"},
		},
		{
			name:   "a secret in the process's cache",
			breaks: "a webhook's secret stays in memory, where a dump shows it, for as long as its response is replayed",
			edits:  []edit{{"idempotency.LocalCache.Put", ` || rec.Response.Secret {`, ` {`}},
			caught: catch{"idempotency", "TestLocalCacheReplaysCompletedRecordsOnly", "want nothing"},
		},
		{
			name:   "a secret in Redis",
			breaks: "who can read Redis can sign webhooks",
			edits:  []edit{{"redis.valueCodec.encode", ` || r.Secret ||`, ` ||`}},
			caught: catch{"idempotency/redis", "TestAResponseThatShowsASecretIsNeverAValue", "Redis would get"},
		},
		{
			name:   "a secret stored in the clear",
			breaks: "who can read a backup can sign webhooks",
			edits: []edit{
				{"postgres.Store.seal", `case response.Secret && s.options.Sealer == nil:`, `case response.Secret && s.options.Sealer == nil && false:`},
				{"postgres.Store.seal", "\tcase response.Secret:", "\tcase response.Secret && s.options.Sealer != nil:"},
			},
			caught: catch{"idempotency/postgres", "TestASecretIsNotStoredInTheClear", "took a secret"},
		},
		{
			name:   "a sealed body that opens in any row",
			breaks: "who can write to the database shows one merchant another one's response",
			edits:  []edit{{"postgres.rowOf", `return append(append(make([]byte, 0, len(tenant)+len(keyHash)), tenant[:]...), keyHash[:]...)`, `return nil`}},
			caught: catch{"idempotency/postgres", "TestASealedBodyOpensInItsOwnRowOnly", "another merchant's body in my row"},
		},
		{
			name:   "a long queue waits for the next look",
			breaks: "a merchant with many events gets some 50 a second",
			edits:  []edit{{"notifications.lane.done", `l.free == 0 || l.queued[endpoint]`, `l.free == 0 || l.busy[endpoint] >= l.perEndpoint`}},
			caught: catch{"notifications", "TestAQueueIsWorkedOffWithoutWaitingForTheNextLook", "the queue is worked off"},
		},
		{
			name:   "results that may have been committed are recorded again",
			breaks: "an attempt of a webhook counts twice, and the last one is not made",
			edits:  []edit{{"notifications.Dispatcher.recordAll", `!errors.Is(err, idempotency.ErrCommitUnknown)`, `(len(batch) > 1 || !errors.Is(err, idempotency.ErrCommitUnknown))`}},
			caught: catch{"notifications", "TestAResultWhoseCommitIsUnknownIsNotRecordedTwice", "want that it isn't known"},
		},
		{
			name:   "a result that can't be recorded costs those beside it",
			breaks: "events that were delivered are delivered again, because of another merchant's receiver",
			edits:  []edit{{"notifications.Dispatcher.recordAll", `len(batch) > 1 && err`, `len(batch) > 1000 && err`}},
			caught: catch{"notifications", "TestResultsThatWaitTogetherAreRecordedTogether", "beside one that can't be recorded"},
		},
		{
			name:   "the fence of a delivery ignored",
			breaks: "a replica that slept ends a delivery that another one is still trying",
			edits:  []edit{{"repository.WebhookDeliveries.record", `AND fence = $3 AND`, `AND $3::bigint IS NOT NULL AND`}},
			caught: catch{"notifications", "TestAClaimThatIsNotRecordedIsSentByAnotherReplica", "the late replica's result was taken"},
		},
		{
			name:   "one queue for all endpoints",
			breaks: "a receiver that hangs keeps all others from their events",
			edits:  []edit{{"repository.claimDeliveries", `AND (w.failing_since IS NOT NULL) = $8`, `AND $8::boolean IS NOT NULL AND q.endpoint_id = (SELECT endpoint_id FROM queue LIMIT 1)`}},
			caught: catch{"notifications", "TestReceiversThatHangDelayNoOther", "not within"},
		},
	}
}
