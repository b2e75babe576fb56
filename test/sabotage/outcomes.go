package main

// outcomes has the mistakes in what is made of an answer that isn't the end yet, or that doesn't come.
func outcomes() []sabotage {
	return []sabotage{
		{
			name:   "an untried intent taken for a decline",
			breaks: "the provider still confirms, the order is free, and a second key pays it: two charges, and both payments failed",
			edits:  []edit{{"operations.interpretIntent", "if in.Failed {", `if true {`}},
			caught: catch{"operations", "TestAStateThatCanStillMoveEndsNothing/requires_payment_method", "got {Record:completed 202 1 Payment:failed"},
		},
		{
			name:   "an unknown word taken for a cancellation",
			breaks: "as above, with the provider's next new status",
			edits:  []edit{{"operations.interpretIntent", "return Unknown", `return Canceled // requires_confirmation`}},
			caught: catch{"operations", "TestAStateThatCanStillMoveEndsNothing/dancing", "got {Record:completed 202 1 Payment:canceled"},
		},
		{
			name:   "money that moved not looked at beside the status",
			breaks: "an intent that was canceled after a part of it was taken frees its order",
			edits:  []edit{{"operations.interpretIntent", `if in.AmountReceived != 0 || in.AmountCapturable != 0 {`, `if false {`}},
			caught: catch{"operations", "TestInterpretNeverFreesAnOrderWhoseMoneyMoved", "want a review"},
		},
		{
			name:   "another payment's reference kept",
			breaks: "an answer that was mixed up on the way: from then on the other payment's intent is looked up as this one's",
			edits:  []edit{{"operations.interpret", `if !isOf(p, in) {`, `if out.Reference = in.Reference; !isOf(p, in) {`}},
			caught: catch{"operations", "TestInterpretKeepsNothingOfAnotherPaymentsIntent", "want nothing"},
		},
		{
			name:   "an unconfirmed cancellation taken for one",
			breaks: "an intent that was charged in the meantime frees its order",
			edits: []edit{{
				"operations.operation.cancelUntried", `after := o.effect.Cancel(ctx, out.Reference)`, `_ = o.effect.Cancel(ctx, out.Reference); after := Outcome{Kind: Canceled, Reference: out.Reference}`,
			}},
			caught: catch{"operations", "TestAnUntriedIntentIsCanceledWhenItIsOld/too late: charged/requires_confirmation", "got {Record:completed 202 1 Payment:canceled"},
		},
		{
			name:   "an intent canceled whatever its state",
			breaks: "an authorization that the provider shows by a new word is voided under the client's feet",
			edits:  []edit{{"operations.interpretShown", `out.Kind == Unknown && untried(in)`, `out.Kind == Unknown`}},
			caught: catch{"operations", "TestOnlyAnUntriedIntentIsCanceled/dancing", "canceled [{"},
		},
		{
			name:   "a look-up that gives up in silence",
			breaks: "a list that always fails leaves a payment processing for ever, and no review is opened",
			edits:  []edit{{"operations.operation.unclear", `case !o.overdue():`, `case !o.overdue() || !out.Untried:`}},
			caught: catch{"operations", "TestALookUpThatIsNeverClearEndsInAReview/timeouts", "got {Record:completed 202 1 Payment:processing outcome_unknown"},
		},
		{
			name:   "a refused re-send taken for a decline",
			breaks: "the first request arrives after it and charges a payment that is failed",
			edits: []edit{{
				"operations.operation.resend", `out := o.send(ctx)`,
				`out := o.send(ctx); if out.Code == "payment_method_unknown" { out.Kind, out.Reason = Declined, out.Code }`,
			}},
			caught: catch{"operations", "TestAReSendThatIsRefusedProvesNothing/as a request", "got {Record:completed 202 1 Payment:failed"},
		},
		{
			name:   "one of several intents taken for the only one",
			breaks: "a declined one frees the order, while another one is still on its way",
			edits:  []edit{{"operations.interpretShown", `if len(out.Others) > 0 && out.Kind`, `if len(out.Others) > 99 && out.Kind`}},
			caught: catch{"operations", "TestSeveralIntentsOfOnePaymentAreForAPerson/all declined", "got {Record:completed 202 1 Payment:failed"},
		},
		{
			name:   "a finding that comes back kept closed",
			breaks: "a payment whose look-ups fail for the second time waits in silence",
			edits:  []edit{{"repository.insertDiscrepancy", "WHERE d.resolution LIKE '`", "WHERE false AND d.resolution LIKE '`"}},
			caught: catch{"operations", "TestAPaymentThatWaitsForItsCustomerIsReviewedOnlyWhenNoAnswerComes", "0 discrepancies are open, want one"},
		},
		{
			name:   "an answer that the store refuses left to a warning",
			breaks: "the payment is looked up and refused for ever, and no review is opened",
			edits:  []edit{{"operations.refusedByStore", `if err == nil {`, `if true {`}},
			caught: catch{"operations", "TestAnAnswerThatTheStoreRefusesIsForAPerson", "got {Record:completed 202 1 Payment:processing outcome_unknown"},
		},
	}
}
