package main

// later has the mistakes in what is done with a payment that exists: captures, voids and refunds.
func later() []sabotage {
	return []sabotage{
		{
			name:   "a refund without its reservation",
			breaks: "two refunds at once are both sent, and exceed what was captured",
			edits: []edit{
				{"operations.refund.Claim", `r.payments.Reserve(tx, payment.MerchantID, payment.ID, 0, amount)`, `r.payments.Reserve(tx, payment.MerchantID, payment.ID, 0, 0)`},
				{"operations.refund.Complete", `to.Refunding, to.Refunded = -row.Amount, row.Amount`, `to.Refunded = row.Amount`},
			},
			caught: catch{"operations", "TestEachOutcomeOfARefundLeavesItsRows/error_stored", "Payment:succeeded 1999 0 1999 0 0 0"},
		},
		{
			name:   "a completion without the locks of order and payment",
			breaks: "the documents of an event and of a response show amounts that were never true",
			edits: []edit{
				{"repository.Payments.LockHeld", "\t\tFOR NO KEY UPDATE`", "\t\t`"},
				{"repository.Orders.LockOfPayment", "orderOfPayment+` FOR NO KEY UPDATE`", "orderOfPayment"},
			},
			caught: catch{"operations", "TestACompletionShowsWhatAnotherOneLeftMeanwhile", "got 500 500, want 800 800"},
		},
		{
			name:   "a capture's look-up that ignores whose capture it is",
			breaks: "a capture that another system made is taken for ours, and booked",
			edits:  []edit{{"operations.capture.interpret", `made := in.Metadata["operation_id"] == c.row.PublicID()`, `made := true`}},
			caught: catch{"operations", "TestInterpretKnowsWhatACaptureMakesOfAnIntent", `1200 by "cap_other": got kind 1`},
		},
		{
			name:   "a void that leaves the customer's wait open",
			breaks: "what the provider canceled is canceled here once more, which the store refuses: an alert for nothing",
			edits:  []edit{{"operations.void.Complete", `v.attempts.EndWaiting(tx, v.row.MerchantID, v.row.PaymentID)`, `_ = tx`}},
			caught: catch{"operations", "TestAVoidEndsTheWaitForTheCustomer", "want failed, and no check"},
		},
		{
			name:   "a pending refund taken for one that succeeded",
			breaks: "money is booked as given back that a bank then refuses",
			edits: []edit{
				{"operations.refund.shown", `case "succeeded":`, `case "succeeded", "pending":`},
				{"operations.refund.shown", `case "pending", "requires_action":`, `case "requires_action":`},
			},
			caught: catch{"operations", "TestInterpretKnowsEveryStatusOfARefund", "pending, 300 EUR: got kind 1"},
		},
		{
			name:   "a refund's entry with its sides swapped",
			breaks: "each refund is booked as one more capture; the ledger still sums to zero",
			edits:  []edit{{"operations.parts.post", `debit, credit = credit, debit`, `_, _ = debit, credit`}},
			caught: catch{"operations", "TestEachOutcomeOfARefundLeavesItsRows/slow_1", "provider_clearing merchant_payable 500"},
		},
		{
			name:   "an operation of payonce's own without a time for its check",
			breaks: "a replica dies between the claim and the call, and the authorization is never voided",
			edits: []edit{{
				"repository.Attempts.InsertOwn", `clock_timestamp() + make_interval(secs => $12::float8))`, `NULL::timestamptz)`,
			}},
			caught: catch{"operations", "TestAnOperationOfOnesOwnIsMadeOnceWhereverItsReplicaIsKilled/before the call", "Attempt:sent f"},
		},
	}
}
