package main

// schema has the mistakes that a constraint or trigger would stop alone, with the constraint taken out as well, and the
// merchant left out of a read.
func schema() []sabotage {
	return []sabotage{
		{
			name:   "a 5xx stored",
			breaks: "a failure is replayed for a day; made real by taking it out of the rule idempotency_keys_status, too",
			edits: []edit{
				{"idempotency.Storable", `status <= 299 || status == 402 }`, `status <= 299 || status == 402 || status >= 500 }`},
				{rulesDDL, `AND NEW.status <> 402 THEN`, `AND NEW.status <> 402 AND NEW.status < 500 THEN`},
			},
			caught: kept("only outcomes are stored", "500 was stored"),
		},
		{
			name:   "a 5xx stored (by the schema)",
			breaks: "the rule is the last one to refuse; a bug in the code would be replayed for a day",
			edits:  []edit{{rulesDDL, `AND NEW.status <> 402 THEN`, `AND NEW.status <> 402 AND NEW.status < 500 THEN`}},
			caught: catch{"migrations", "TestEachInvariantRefusesByItsName", "idempotency_keys_status"},
		},
		{
			name: "202 stored, then overwritten",
			breaks: "the answer under a key changes when the payment is resolved; made real by taking the state out of the trigger " +
				"idempotency_guard, too",
			edits: []edit{
				{
					"operations.operation.store", `_, err := o.complete(ctx, tx, out, found)`,
					"_, err := o.complete(ctx, tx, out, found)\n" +
						"tx.MustAffect(`overwrite`, `UPDATE idempotency_keys SET status = 201 WHERE merchant_id = $1 AND key_hash = $2`, " +
						"o.attempt.MerchantID, o.attempt.KeyHash)",
				},
				{rulesDDL, `ELSIF OLD.state = 'completed' AND NEW.state = 'expired' AND NEW.canceled_at IS NOT DISTINCT FROM OLD.canceled_at THEN`, `ELSIF OLD.state = 'completed' THEN`},
			},
			caught: catch{"operations", "TestAnUnresolvedPaymentIsFoundAndApplied", "got {Record:completed 201 1"},
		},
		{
			name: "cleanup that ignores the state",
			breaks: "a payment in progress becomes a tombstone; made real by letting the trigger " +
				"idempotency_guard pass it",
			edits: []edit{
				{"postgres.sqlExpire", `WHERE state = 'completed' AND expires_at <= now()`, `WHERE coalesce(expires_at, lease_until) <= now() AND state <> 'expired'`},
				{
					"postgres.sqlExpire", `SET state = 'expired', body = NULL, headers = NULL FROM due`,
					`SET state = 'expired', body = NULL, headers = NULL, lease_until = NULL, completed_at = coalesce(completed_at, now()) FROM due`,
				},
				{rulesDDL, `IF NEW.state <> 'expired' AND NEW.fence`, `IF NEW.fence`},
			},
			caught: kept("cleaning up never touches what is in progress", "not every response expired"),
		},
		{
			name:   "cleanup that ignores the state (tombstones)",
			breaks: "a response is deleted whose key could still be replayed; made real without the trigger idempotency_kept",
			edits: []edit{
				{"postgres.sqlForget", `WHERE state = 'expired' AND completed_at <`, `WHERE state <> 'in_progress' AND completed_at <`},
				{recordsDDL, `FOR EACH ROW WHEN (OLD.state = 'completed')`, `FOR EACH ROW WHEN (false)`},
			},
			caught: kept("cleaning up never touches what is in progress", "a response was forgotten that never was a tombstone"),
		},
		{
			name:   "ledger entry after the commit",
			breaks: "money moves without an entry when the process dies in between, or the entry is refused",
			edits: []edit{
				{
					"repository.Ledger.Post", `func (r *Ledger) Post(tx *postgres.Tx, entry`,
					`func (r *Ledger) Post(_ *postgres.Tx, entry models.LedgerEntry, debit, credit string, amount models.Money) {
						time.AfterFunc(time.Second, func() {
							_ = r.whole.Apply(context.Background(), time.Now(), func(tx *postgres.Tx) error {
								r.post(tx, entry, debit, credit, amount)
								return nil
							})
						})
					}

					func (r *Ledger) post(tx *postgres.Tx, entry`,
				},
				{"repository.Ledger", `struct{ db *gorm.DB }`, "struct {\n\tdb    *gorm.DB\n\twhole *postgres.Database\n}"},
				{"repository.NewLedger", `&Ledger{db.Patient()}`, `&Ledger{db.Patient(), db}`},
			},
			imports: []string{"time"},
			caught:  catch{"operations", "TestMoneyThatTheLedgerRefusesIsNotTaken", "the ledger refuses, and the answer is 201"},
		},
		{
			name: "two live payments for one order",
			breaks: "two keys charge one order twice; made real by taking out the CHECK orders_no_overpayment and the unique index " +
				"payments_one_live_per_order, too",
			edits: []edit{
				{"models.Order.obstacle", `case o.AmountPaid > 0:`, `case o.AmountPaid < 0:`},
				{"models.Order.obstacle", `case o.AmountReserved > 0:`, `case o.AmountReserved < 0:`},
				{"migrations/00003_orders.sql", `CHECK (amount_reserved + amount_paid <= amount_total)`, `CHECK (amount_total > 0)`},
				{"migrations/00004_payments.sql", `CREATE UNIQUE INDEX payments_one_live_per_order`, `CREATE INDEX payments_one_live_per_order`},
			},
			caught: catch{"operations", "TestTwoKeysForOneOrderChargeItOnce", " winners, "},
		},
		{
			name:   "two live payments for one order (by the code)",
			breaks: "the schema still refuses the second one, but it is answered with 500 instead of a link to the first",
			edits: []edit{
				{"models.Order.obstacle", `case o.AmountPaid > 0:`, `case o.AmountPaid < 0:`},
				{"models.Order.obstacle", `case o.AmountReserved > 0:`, `case o.AmountReserved < 0:`},
			},
			caught: catch{"operations", "TestTwoKeysForOneOrderChargeItOnce", "loser got"},
		},
		{
			name:   "merchant filter missing in a read",
			breaks: "a merchant who knows or guesses an id reads another merchant's order",
			edits: []edit{{
				"repository.Orders.Get", `first[models.Order](r.db.WithContext(ctx).Where("merchant_id = ?`,
				`first[models.Order](r.db.WithContext(ctx).Where("?::uuid IS NOT NULL`,
			}},
			caught: catch{"test/security", "TestNothingGetsThrough/attacks/isolation", "another's: got 200"},
		},
		{
			name:   "merchant filter missing in a list",
			breaks: "every merchant sees the payments of all",
			edits: []edit{{
				"repository.Payments.List", `query = query.Where("merchant_id = ?", merchant)`,
				`query = query.Where("?::uuid IS NOT NULL", merchant)`,
			}},
			caught: catch{"test/security", "TestNothingGetsThrough/attacks/isolation", "/v1/payments shows "},
		},
	}
}
