package main

// payments has the mistakes in what is asked of the provider and in what its answers are taken for.
func payments() []sabotage {
	const (
		authorize = "operations/authorize.go"
		check     = "operations/check.go"
		key       = `idempotency.ProviderKey(req.Tenant, req.Key, name, req.Fingerprint)`
		id        = `uuid.UUID(idempotency.DeriveUUID(authorizeDomain, req.Tenant, req.Key, name, req.Fingerprint))`
	)
	verdicts := func(name, says string) catch {
		return catch{"operations", "TestEachVerdictLeavesItsRows/" + name, says}
	}
	return []sabotage{
		{
			name:   "a random provider key",
			breaks: "a payment whose rows were lost in a failover is charged a second time by its retry",
			edits:  []edit{{authorize, key, `models.NewID().String()`}},
			caught: catch{"test/e2e", "TestAPaymentWhoseRowsWereLostIsNotChargedAgain", "2 charges, want 1"},
		},
		{
			name: "provider key from the row id",
			breaks: "as above: a row made anew is another request to the provider. Real only with an id that is not derived, " +
				"because a key from a derived id would depend on the same identity",
			edits: []edit{
				{authorize, id, `models.NewID()`},
				{authorize, key, `name + id.String()`},
			},
			caught: catch{"operations", "TestARefusedOrUnsentRequestIsTakenBackWithoutATrace", "the second request differs"},
		},
		{
			name:   "an id that is not derived",
			breaks: "a second execution stands beside the first instead of colliding with it",
			edits:  []edit{{authorize, id, `models.NewID()`}},
			caught: catch{"operations", "TestADeclinedPaymentNamesItselfAndItsReason", "is not derived (version 8)"},
		},
		{
			name:   "a re-send under a key of its own",
			breaks: "the provider charges a request that was still on its way, and its repetition",
			edits:  []edit{{authorize, `Key: a.attempt.ProviderKey,`, `Key: a.attempt.ProviderKey + fmt.Sprint(a.attempt.Checks),`}},
			caught: catch{"operations", "TestNotFoundTwiceIsSentAgainUnderTheSameKeyAndBytes", "sent ["},
		},
		{
			name:   "settle's two not-found rule removed",
			breaks: "a request that is still on its way is sent again at the first \"not found\"",
			edits:  []edit{{check, `since := a.attempt.NotFoundAt`, `since := &time.Time{}`}},
			caught: catch{"operations", "TestNotFoundTwiceIsSentAgainUnderTheSameKeyAndBytes", "sent 2 times after one"},
		},
		{
			name:   "pause between the two not-found ignored",
			breaks: "two look-ups in a row count as two answers",
			edits:  []edit{{check, `case due.Now.Sub(*since) < a.schedule.Settle:`, `case due.Now.Before(*since):`}},
			caught: catch{"operations", "TestTwoNotFoundTooCloseTogetherSendNothing", "sent 2 times"},
		},
		{
			name:   "resend age ignored",
			breaks: "a request that the provider has forgotten, key and all, is sent and charged again",
			edits:  []edit{{check, `op.old = due.Now.Sub(due.Attempt.SentAt) >= s.schedule.ResendAge`, `op.old = false`}},
			caught: catch{"operations", "TestAnOldPaymentThatNobodyKnowsIsForAPersonOnce", "sent 2 times"},
		},
		{
			name:   "a re-send although the attempt was taken over",
			breaks: "two replicas send at once",
			edits: []edit{{
				check, `if err := a.attempts.Resend(ctx, &a.attempt); err != nil {`, `if err := a.attempts.Resend(ctx, &a.attempt); err != nil && false {`,
			}},
			caught: catch{"operations", "TestAReSendAfterATakeoverIsNotSent", "sent 2 times"},
		},
		{
			name:   "a check written although the attempt was taken over",
			breaks: "a late check overwrites what its successor found",
			edits:  []edit{{"repository/attempts.go", `AND status = $3 AND claim_id = $4 AND fence = $5`, `AND status = $3 AND $4::uuid IS NOT NULL AND $5::bigint > 0`}},
			caught: catch{"operations", "TestACheckThatWasTakenOverWritesNothing", "got {Record:completed 202 1 Payment:succeeded"},
		},
		{
			name:   "amounts not compared with the provider's answer",
			breaks: "an order of 19.99 is paid by one cent",
			edits:  []edit{{"operations/truth.go", `if intent.Amount != p.Amount || intent.Currency != p.Currency {`, `if false {`}},
			caught: verdicts("another amount", "Status:201"),
		},
		{
			name:   "an unknown outcome taken for a failure",
			breaks: "the client is told 402, pays by another key, and is charged by both",
			edits: []edit{{
				"operations/truth.go", `case provider.Unknown, provider.NotSent, provider.Refused, provider.Unauthorized:`,
				`case provider.Unknown, provider.NotSent, provider.Refused, provider.Unauthorized: t.verdict = declined`,
			}},
			caught: verdicts("timed out", "Status:402"),
		},
		{
			name:   "an expired key executed again",
			breaks: "the derived id still refuses it, but as 500 and not as 410 with a link",
			edits:  []edit{{authorize, `if used, err := a.used.Get(); err == nil {`, `if used, err := a.used.Get(); err == nil && used == nil {`}},
			caught: catch{"operations", "TestAKeyWhoseRecordIsForgottenIsExpiredAndNotPaidAgain/declined", "refused by payments_pkey"},
		},
	}
}

// transport has the mistakes in the provider's client.
func transport() []sabotage {
	return []sabotage{
		{
			name:   "GetBody set",
			breaks: "net/http sends a charge again by itself when a kept-alive connection dies after the request was written",
			edits:  []edit{{"provider/transport.go", `httpReq.GetBody = nil`, `_ = httpReq.GetBody`}},
			caught: catch{"provider", "TestARequestWrittenToADyingConnectionIsNotSentAgain", "second: {Outcome:answered"},
		},
		{
			name:   "a broken exchange taken for one that was not sent",
			breaks: "a payment that the provider has charged is taken back, and its key is free",
			edits:  []edit{{"provider/trace.go", `if t.got {`, `if t.got { return true }; if false {`}},
			caught: catch{"provider", "TestBrokenExchangesAreUnknownAndSentOnce", "Outcome:not_sent"},
		},
		{
			name:   "look-up without the merchant",
			breaks: "a charge that another merchant's request gave our payment's id is taken for ours",
			edits:  []edit{{"provider/find.go", ` && in.Metadata["merchant_id"] == r.MerchantID`, ``}},
			caught: catch{"provider", "TestFindOnlySaysNotFoundAfterReadingAll/another merchant's", "want not_found"},
		},
		{
			name:   "not found after the first page",
			breaks: "a busy account's charge is on the second page; it is sent again",
			edits:  []edit{{"provider/find.go", `if next == "" {`, `if true {`}},
			caught: catch{"provider", "TestFindPagesUntilItMatches", "Outcome:not_found"},
		},
		{
			name:   "a gateway's page taken for the provider's refusal",
			breaks: "a 400 of a proxy in between frees the key of a payment that may have been charged",
			edits:  []edit{{"provider/judge.go", `if kind == typeInvalidRequest {`, `if true {`}},
			caught: catch{"provider", "TestEachAnswerHasOneOutcome/gateway's 400", "want unknown"},
		},
	}
}
