package main

// payments has the mistakes in what is asked of the provider and in what its answers are taken for.
func payments() []sabotage {
	const (
		key = `idempotency.ProviderKey(req.Tenant, req.Key, string(s.Operation), req.Fingerprint)`
		id  = `uuid.UUID(idempotency.DeriveUUID(authorizeDomain, req.Tenant, req.Key, string(models.OperationAuthorize), req.Fingerprint))`
	)
	outcomes := func(name, says string) catch {
		return catch{"operations", "TestEachOutcomeLeavesItsRows/" + name, says}
	}
	return []sabotage{
		{
			name:   "an amount sent in another unit",
			breaks: "500 krónur are charged as 5: Stripe counts two decimal places that ISO 4217 hasn't got",
			edits:  []edit{{"provider.toProvider", `return amount * u.up / u.down, nil`, `return amount, nil`}},
			caught: catch{"provider", "TestAnAmountIsWorthTheSameAtTheProvider", "which is worth something else"},
		},
		{
			name:   "an amount that is rounded at the provider",
			breaks: "5.124 dinar are refused at payment, and 5.50 ariary charged as 5",
			edits:  []edit{{"provider.toProvider", `case amount%u.step != 0:`, `case false:`}},
			caught: catch{"provider", "TestAnAmountThatCannotBeExpressedIsNeverRounded", "550 MGA"},
		},
		{
			name:   "an expired order is paid",
			breaks: "a basket that was given up is charged days later",
			edits:  []edit{{"models.Order.Expired", `!now.Before(*o.ExpiresAt)`, `false`}},
			caught: catch{".", "TestAnOrderThatHasExpiredCannotBePaid", "want 409 order-not-payable"},
		},
		{
			name:   "a payment marked failed without asking the provider's own account",
			breaks: "an order is freed although another account, which was not asked, may hold its money",
			edits:  []edit{{"operations.operation.markedFailed", ` || o.attempt.Provider != o.account`, ``}},
			caught: catch{"operations", "TestAPaymentThatIsMarkedFailedEndsWhenTheProviderStillDoesNotKnowIt/sent to another account", "want \"processing needs_review"},
		},
		{
			name:   "a random provider key",
			breaks: "a payment whose rows were lost in a failover is charged a second time by its retry",
			edits:  []edit{{"operations.Driver.Operation", key, `models.NewID().String()`}},
			caught: catch{"test/e2e", "TestAPaymentWhoseRowsWereLostIsNotChargedAgain", "2 charges, want 1"},
		},
		{
			name: "provider key from the row id",
			breaks: "as above: a row made anew is another request to the provider. Real only with an id that is not derived, " +
				"because a key from a derived id would depend on the same identity",
			edits: []edit{
				{"operations.Driver.Authorize", id, `models.NewID()`},
				{"operations.Driver.Operation", key, `string(s.Operation) + s.ID.String()`},
			},
			caught: catch{"operations", "TestARefusedOrUnsentRequestIsReleasedWithoutATrace", "the second request differs"},
		},
		{
			name:   "an id that is not derived",
			breaks: "a second execution stands beside the first instead of colliding with it",
			edits:  []edit{{"operations.Driver.Authorize", id, `models.NewID()`}},
			caught: catch{"operations", "TestADeclinedPaymentNamesItselfAndItsReason", "is not derived (version 8)"},
		},
		{
			name:   "a re-send under a key of its own",
			breaks: "the provider charges a request that was still on its way, and its repetition",
			edits:  []edit{{"operations.operation.send", `o.effect.Send(ctx, o.attempt.ProviderKey)`, `o.effect.Send(ctx, o.attempt.ProviderKey+fmt.Sprint(o.attempt.Checks))`}},
			caught: catch{"operations", "TestNotFoundTwiceIsSentAgainUnderTheSameKeyAndBytes", "sent ["},
		},
		{
			name:   "settle's two not-found rule removed",
			breaks: "a request that is still on its way is sent again at the first \"not found\"",
			edits:  []edit{{"operations.operation.missing", `since := o.attempt.NotFoundAt`, `since := &time.Time{}`}},
			caught: catch{"operations", "TestNotFoundTwiceIsSentAgainUnderTheSameKeyAndBytes", "sent 2 times after one"},
		},
		{
			name:   "pause between the two not-found ignored",
			breaks: "two look-ups in a row count as two answers",
			edits:  []edit{{"operations.operation.missing", `case o.now.Sub(*since) < o.schedule.RecheckDelay:`, `case o.now.Before(*since):`}},
			caught: catch{"operations", "TestTwoNotFoundTooCloseTogetherSendNothing", "sent 2 times"},
		},
		{
			name:   "a re-send given up for an open breaker",
			breaks: "each time that the breaker is open two look-ups have to begin anew, and an outcome is unknown for much longer",
			edits:  []edit{{"operations.operation.missing", `case o.provider.Ready() != nil:`, `case false:`}},
			caught: catch{"operations", "TestAReSendWaitsForAnOpenBreakerAndNoLonger", "Attempt:succeeded 2 f"},
		},
		{
			name:   "resend age ignored",
			breaks: "a request that the provider has forgotten, key and all, is sent and charged again",
			edits: []edit{
				{"operations.operation.old", `return !o.now.IsZero() && o.now.Sub(o.attempt.SentAt) >= o.schedule.ResendAge`, `return false`},
				{"repository.Attempts.Resend", `AND sent_at > clock_timestamp() - make_interval`, `AND NULL IS DISTINCT FROM make_interval`},
			},
			caught: catch{"operations", "TestAnOldPaymentThatTheProviderDoesNotKnowIsForAPersonOnce", "sent 2 times"},
		},
		{
			name:   "the age of a re-send by the claim's time alone",
			breaks: "a process that slept after its claim sends what the provider has forgotten",
			edits:  []edit{{"repository.Attempts.Resend", `AND sent_at > clock_timestamp() - make_interval`, `AND NULL IS DISTINCT FROM make_interval`}},
			caught: catch{"operations", "TestAReSendIsRefusedByTheStoreWhenTheAttemptHasGrownOld", "sent 2 times"},
		},
		{
			name:   "a re-send although the attempt was taken over",
			breaks: "two replicas send at once",
			edits:  []edit{{"operations.operation.renewed", `if err := renew(ctx); err != nil {`, `if err := renew(ctx); err != nil && false {`}},
			caught: catch{"operations", "TestAReSendAfterATakeoverIsNotSent", "sent 2 times"},
		},
		{
			name:   "a check written although the attempt was taken over",
			breaks: "a late check overwrites what its successor found",
			edits:  []edit{{"repository.Attempts.Resolve", `AND status = $3 AND claim_id = $4 AND fence = $5`, `AND status = $3 AND $4::uuid IS NOT NULL AND $5::bigint > 0`}},
			caught: catch{"operations", "TestACheckThatWasTakenOverWritesNothing", "got {Record:completed 202 1 Payment:succeeded"},
		},
		{
			name:   "amounts not compared with the provider's answer",
			breaks: "an order of 19.99 is paid by one cent",
			edits:  []edit{{"operations.interpretIntent", `if in.Amount != p.Amount || in.Currency != p.Currency {`, `if false {`}},
			caught: outcomes("another amount", "Status:201"),
		},
		{
			name:   "an unknown outcome taken for a failure",
			breaks: "the client is told 402, pays by another key, and is charged by both",
			edits: []edit{{
				"operations.interpret", `case provider.Unknown, provider.NotSent, provider.Refused, provider.Unauthorized:`,
				`case provider.Unknown, provider.NotSent, provider.Refused, provider.Unauthorized: out.Kind = Declined`,
			}},
			caught: outcomes("timed out", "Status:402"),
		},
		{
			name:   "an event numbered by what was read",
			breaks: "two operations on one payment give two changes one number, and the second is refused",
			edits:  []edit{{"repository.writeWithEvent", `SELECT $1, $3::uuid, $4::text, $5::text, $2, version,`, `SELECT $1, $3::uuid, $4::text, $5::text, $2, least(version, 2),`}},
			caught: catch{"operations", "TestAPaymentThatWasChangedMeanwhileIsCompletedAndItsEventNumbered", "2 payment.succeeded"},
		},
		{
			name:   "an expired key executed again",
			breaks: "the derived id still refuses it, but as 500 and not as 410 with a link",
			edits:  []edit{{"operations.authorize.Claim", `if used, err := a.used.Get(); err == nil {`, `if used, err := a.used.Get(); err == nil && used == nil {`}},
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
			edits:  []edit{{"provider.Client.newRequest", `httpReq.GetBody = nil`, `_ = httpReq.GetBody`}},
			caught: catch{"provider", "TestARequestWrittenToADyingConnectionIsNotSentAgain", "second: {Outcome:answered"},
		},
		{
			name:   "a broken exchange taken for one that was not sent",
			breaks: "a payment that the provider has charged is taken back, and its key is free",
			edits:  []edit{{"provider.trace.neverLeft", `if t.got {`, `if t.got { return true }; if false {`}},
			caught: catch{"provider", "TestBrokenExchangesAreUnknownAndSentOnce", "Outcome:not_sent"},
		},
		{
			name:   "look-up without the merchant",
			breaks: "a charge that another merchant's request gave our payment's id is taken for ours",
			edits:  []edit{{"provider.FindRequest.matches", ` && in.Metadata["merchant_id"] == r.MerchantID`, ``}},
			caught: catch{"provider", "TestFindOnlySaysNotFoundAfterReadingAll/another merchant's", "want not_found"},
		},
		{
			name:   "not found after the first page",
			breaks: "a busy account's charge is on the second page; it is sent again",
			edits:  []edit{{"provider.search.read", `if next == "" {`, `if true {`}},
			caught: catch{"provider", "TestFindPagesUntilItMatches", "Outcome:not_found"},
		},
		{
			name:   "a gateway's page taken for the provider's refusal",
			breaks: "a 400 of a proxy in between frees the key of a payment that may have been charged",
			edits:  []edit{{"provider.kind.classifyError", `if kind == typeInvalidRequest && !made {`, `if !made {`}},
			caught: catch{"provider", "TestEachAnswerHasOneOutcome/gateway's 400", "want unknown"},
		},
		{
			name:   "a refusal that comes with an intent taken for one without effect",
			breaks: "the key is freed although an intent was made under it",
			edits:  []edit{{"provider.kind.classifyError", `if kind == typeInvalidRequest && !made {`, `if _ = made; kind == typeInvalidRequest {`}},
			caught: catch{"provider", "TestEachAnswerHasOneOutcome/bad request about an intent that was made", "want unknown"},
		},
		{
			name:   "find stopping at the first match",
			breaks: "a second charge of the same payment is never seen",
			edits: []edit{{
				"provider.search.read", `next, err := s.page(rep, after)`,
				`next, err := s.page(rep, after); if len(s.matches) > 0 { return s.result(Result[Intent]{}), false }`,
			}},
			caught: catch{"provider", "TestFindShowsEveryMatchAndFirstTheOneThatMovedMoney", "a wrong one and the right one: got answered"},
		},
		{
			name:   "find beginning anew at each look-up",
			breaks: "a list that is longer than one look-up can read is never read to its end",
			edits:  []edit{{"provider.search.read", `s.reached = w.position(after)`, `_ = w.position(after)`}},
			caught: catch{"provider", "TestFindGoesOnWhereItStopped", "stopped: "},
		},
		{
			name:   "find going on in a window that isn't over",
			breaks: "an intent that was made after the first half of its window was read is never found",
			edits:  []edit{{"provider.search.run", `w.to < s.request.Now.Add(-clockMargin).Unix()`, `s.request.Now.Unix() > 0`}},
			caught: catch{"provider", "TestFindGoesOnWhereItStopped", "stopped: "},
		},
		{
			name:   "refund look-up without the merchant",
			breaks: "a refund that another merchant's request gave our refund's id is taken for ours",
			edits:  []edit{{"provider.FindRefundRequest.matches", ` && found.Metadata["merchant_id"] == r.MerchantID`, ``}},
			caught: catch{"provider", "TestFindRefundOnlySaysNotFoundAfterReadingAll", "another merchant's: got"},
		},
		{
			name:   "refund not found after the first page",
			breaks: "a refund on the second page of its payment's is made again",
			edits:  []edit{{"provider.refundSearch.read", `s.note(refunds, known) || next == ""`, `s.note(refunds, known) || true`}},
			caught: catch{"provider", "TestFindRefundOnlySaysNotFoundAfterReadingAll", "on the second page: got"},
		},
		{
			name:   "refund look-up that never reads the beginning again",
			breaks: "a refund that was made after the first page was read is never found, and made again",
			edits:  []edit{{"provider.refundSearch.run", `if resumed {`, `if resumed && s.newest == "" {`}},
			caught: catch{"provider", "TestFindRefundGoesOnWhereItStoppedAndSeesWhatWasMadeSince", "made since: got"},
		},
		{
			name:   "a difference of two moments reported",
			breaks: "a payment that was captured while it was compared is a discrepancy for ever",
			edits:  []edit{{"internal/reconcile.run.chargeAgain", `before != nil && before.Version == after.Version`, `before != nil || after != nil`}},
			caught: catch{"internal/reconcile", "TestADifferenceThatIsOverWhenItIsLookedAtAgainIsNone/our row moved on", "want none"},
		},
		{
			name:   "our rows not asked for",
			breaks: "a charge that the provider has lost is never missed",
			edits:  []edit{{"internal/reconcile.run.ownCharges", `case seen(k):`, `case seen(k) || true:`}},
			caught: catch{"internal/reconcile", "TestEachDisagreementIsFoundOnce/not at the provider", "want \"charge_not_at_provider\""},
		},
		{
			name:   "a finding with an id of its own",
			breaks: "each run writes every finding again",
			edits:  []edit{{"internal/reconcile.run.found", `ID: findingID(k, f.Kind, reference)`, `ID: models.NewID()`}},
			caught: catch{"internal/reconcile", "TestEachDisagreementIsFoundOnce/not at the provider", "and nothing new"},
		},
		{
			name:   "sent although its time was over before the first byte",
			breaks: "a process that slept charges under a key that the provider has forgotten",
			edits:  []edit{{"provider.sending.mayBegin", `if s.until.passed(time.Now()) {`, `if s.until.passed(time.Time{}) {`}},
			caught: catch{"provider", "TestACallThatSleptBeforeItsFirstByteIsNotSent", "want not_sent"},
		},
		{
			name:   "the time before the first byte by the monotonic clock alone",
			breaks: "as above: that clock stands still while a machine is suspended",
			edits:  []edit{{"provider.limits.passed", `now.After(limit) || now.Round(0).After(limit.Round(0))`, `limit != limit.Round(0) && now.After(limit)`}},
			caught: catch{"provider", "TestACallThatSleptBeforeItsFirstByteIsNotSent", "want not_sent"},
		},
	}
}
