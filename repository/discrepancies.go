package repository

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
)

// Discrepancies are what the provider's book and ours disagree on. Each change of one is written together with its event.
type Discrepancies struct {
	db    *gorm.DB
	whole *postgres.Database
}

// NewDiscrepancies returns the repository.
func NewDiscrepancies(db *postgres.Database) *Discrepancies { return &Discrepancies{db.GORM(), db} }

// resolvedByItself begins the resolution of a finding that no person closed. It stands in rows: its text must not change.
const resolvedByItself = "settled itself: "

// discrepancyDocument is the document of a row w, as wire.NewDiscrepancy renders it: what closes findings doesn't read them
// before. The public ids are made in Go.
const discrepancyDocument = `jsonb_build_object('id', w.public_id, 'kind', w.kind,
	'status', CASE WHEN w.resolved_at IS NULL THEN 'open' ELSE 'resolved' END, 'operation', w.operation,
	'payment_id', w.public_payment, 'details', w.details,
	'decision', CASE WHEN w.decision IS NOT NULL THEN jsonb_build_object('action', w.decision, 'reason', w.decision_reason,
		'api_key_id', w.decided_by, 'decided_at', to_char(w.decided_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) END,
	'resolution', w.resolution, 'found_at', to_char(w.found_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
	'resolved_at', to_char(w.resolved_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))`

// insertDiscrepancy opens a finding again that was over by itself; what a person closed stays closed.
const insertDiscrepancy = `WITH written AS (
		INSERT INTO discrepancies AS d (merchant_id, id, kind, payment_id, details, operation, operation_id)
		VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7)
		ON CONFLICT (merchant_id, id) DO UPDATE SET details = excluded.details, found_at = excluded.found_at, resolved_at = NULL,
			resolution = NULL, decision = NULL, decision_reason = NULL, decided_by = NULL, decided_at = NULL, version = d.version + 1
		WHERE d.resolution LIKE '` + resolvedByItself + `%'
		RETURNING d.*, $8::text AS public_id, $9::text AS public_payment),
	event AS (INSERT INTO events (merchant_id, id, type, resource_type, resource_id, resource_version, data)
		SELECT w.merchant_id, $10::uuid, 'discrepancy.opened', 'discrepancy', w.id, w.version, ` + discrepancyDocument + `
		FROM written w RETURNING ` + eventColumns + `),
	` + outbox + `
	SELECT EXISTS (SELECT FROM event), (SELECT count(*) FROM delivery)`

func discrepancyArgs(d *models.Discrepancy) []any {
	var operation, payment *string
	if d.Operation != nil {
		name := string(*d.Operation)
		operation = &name
	}
	if d.PaymentID != nil {
		id := models.FormatID(models.PrefixPayment, *d.PaymentID)
		payment = &id
	}
	return []any{
		d.MerchantID, d.ID, d.Kind, d.PaymentID, text(d.Details), operation, d.OperationID, d.PublicID(), payment, models.NewID(),
	}
}

// Insert queues a finding that a person has to look at, and its event, unless it is open already.
func (r *Discrepancies) Insert(tx *postgres.Tx, d *models.Discrepancy) {
	tx.Returning("insert the discrepancy", insertDiscrepancy, discrepancyArgs(d), func(scan func(...any) error) error {
		return wakeDeliveries(tx, scan, nil)
	})
}

// Add writes a finding in a statement of its own, on the reserved pool. added: it was not open before.
func (r *Discrepancies) Add(ctx context.Context, d *models.Discrepancy) (added bool, err error) {
	err = r.whole.Autocommit(ctx, func(tx *postgres.Tx) {
		tx.Returning("add the discrepancy", insertDiscrepancy, discrepancyArgs(d), func(scan func(...any) error) error {
			return wakeDeliveries(tx, scan, &added)
		})
	})
	return added, err
}

// Close queues that those of these findings of a payment that are open are over without a person, each with its event.
func (r *Discrepancies) Close(tx *postgres.Tx, merchant, payment uuid.UUID, ids []uuid.UUID, how string) {
	var rows, public, events []string
	for _, id := range ids {
		rows, events = append(rows, id.String()), append(events, models.NewID().String())
		public = append(public, models.FormatID(models.PrefixDiscrepancy, id))
	}
	tx.Returning("close the discrepancies", `WITH written AS (
			UPDATE discrepancies d SET resolved_at = clock_timestamp(), resolution = $3, version = d.version + 1
			FROM unnest($2::text[]::uuid[], $4::text[], $5::text[]::uuid[]) AS named (id, public_id, event_id)
			WHERE d.merchant_id = $1 AND d.id = named.id AND d.resolved_at IS NULL
			RETURNING d.*, named.public_id, named.event_id, $6::text AS public_payment),
		event AS (INSERT INTO events (merchant_id, id, type, resource_type, resource_id, resource_version, data)
			SELECT w.merchant_id, w.event_id, 'discrepancy.resolved', 'discrepancy', w.id, w.version, `+discrepancyDocument+`
			FROM written w RETURNING `+eventColumns+`),
		`+outbox+`
		SELECT NULL, (SELECT count(*) FROM delivery)`,
		[]any{merchant, rows, resolvedByItself + how, public, events, models.FormatID(models.PrefixPayment, payment)},
		func(scan func(...any) error) error { return wakeDeliveries(tx, scan, nil) })
}

const discrepancyColumns = `merchant_id, id, kind, operation, operation_id, payment_id, details, decision, decision_reason, decided_by,
	decided_at, resolution, version, found_at, resolved_at`

func discrepancyFields(d *models.Discrepancy) []any {
	return []any{
		&d.MerchantID, &d.ID, &d.Kind, &d.Operation, &d.OperationID, &d.PaymentID, &d.Details, &d.Decision, &d.DecisionReason, &d.DecidedBy,
		&d.DecidedAt, &d.Resolution, &d.Version, &d.FoundAt, &d.ResolvedAt,
	}
}

// Lock queues a locking read that may travel with the claim of a key.
func (r *Discrepancies) Lock(tx *postgres.Tx, merchant, id uuid.UUID) *postgres.Pending[models.Discrepancy] {
	return postgres.ReadOne(tx, "lock the discrepancy",
		`SELECT `+discrepancyColumns+` FROM discrepancies WHERE merchant_id = $1 AND id = $2 AND `+postgres.WhenMine+` FOR UPDATE`,
		[]any{merchant, id}, discrepancyFields)
}

// LockAttempt queues a locking read of the newest call to the provider for the operation that a finding is about. Completions
// lock an attempt before they write findings, so it comes before [Discrepancies.Lock].
func (r *Discrepancies) LockAttempt(tx *postgres.Tx, merchant, id uuid.UUID) *postgres.Pending[models.ProviderAttempt] {
	return postgres.ReadOne(tx, "lock the discrepancy's attempt", `SELECT a.merchant_id, a.id, a.status, a.provider_reference, a.next_check_at
		FROM discrepancies d JOIN provider_attempts a ON a.merchant_id = d.merchant_id AND a.operation = d.operation AND a.operation_id = d.operation_id
		WHERE d.merchant_id = $1 AND d.id = $2 AND `+postgres.WhenMine+` ORDER BY a.attempt_no DESC LIMIT 1 FOR UPDATE OF a`,
		[]any{merchant, id}, func(a *models.ProviderAttempt) []any {
			return []any{&a.MerchantID, &a.ID, (*string)(&a.Status), &a.ProviderReference, &a.NextCheckAt}
		})
}

// CheckNow queues that an attempt is looked up now.
func (r *Discrepancies) CheckNow(tx *postgres.Tx, a *models.ProviderAttempt) {
	tx.MustAffect("make the check due", `UPDATE provider_attempts SET next_check_at = clock_timestamp()
		WHERE merchant_id = $1 AND id = $2 AND next_check_at IS NOT NULL`, a.MerchantID, a.ID)
}

// Decide queues what a person decided about a finding that is open, and its event.
func (r *Discrepancies) Decide(tx *postgres.Tx, d *models.Discrepancy, e *models.Event) {
	writeWithEvent(tx, "decide about the discrepancy", `UPDATE discrepancies SET decision = $8, decision_reason = $9, decided_by = $10,
		decided_at = $11, resolution = $12, resolved_at = $13, version = version + 1
		WHERE merchant_id = $1 AND id = $2 AND resolved_at IS NULL`, e,
		string(*d.Decision), d.DecisionReason, d.DecidedBy, d.DecidedAt, d.Resolution, d.ResolvedAt)
}

// Decision is what a person decided about a finding; "" while it is not open, or nothing is decided.
func (r *Discrepancies) Decision(ctx context.Context, merchant, id uuid.UUID) (decision models.DiscrepancyAction, err error) {
	err = r.db.WithContext(ctx).Model(&models.Discrepancy{}).Select("coalesce(max(decision), '')").
		Where("merchant_id = ? AND id = ? AND resolved_at IS NULL", merchant, id).Scan(&decision).Error
	if err != nil {
		return "", postgres.ReadError("read the decision", err)
	}
	return decision, nil
}

// Get reads one finding.
func (r *Discrepancies) Get(ctx context.Context, merchant, id uuid.UUID) (*models.Discrepancy, error) {
	return first[models.Discrepancy](r.db.WithContext(ctx).Where("merchant_id = ? AND id = ?", merchant, id))
}

// DiscrepancyFilter narrows a list; a nil field does not.
type DiscrepancyFilter struct {
	Open      *bool
	Kind      *string
	PaymentID *uuid.UUID
}

// List reads a page of findings; the newest is the one that was found last.
func (r *Discrepancies) List(ctx context.Context, merchant uuid.UUID, filter DiscrepancyFilter, page Page) ([]models.Discrepancy, error) {
	db := r.db.WithContext(ctx)
	found := db.Model(&models.Discrepancy{}).Select("*, found_at AS created_at").Where("merchant_id = ?", merchant)
	if filter.Open != nil {
		found = found.Where("(resolved_at IS NULL) = ?", *filter.Open)
	}
	if filter.Kind != nil {
		found = found.Where("kind = ?", *filter.Kind)
	}
	if filter.PaymentID != nil {
		found = found.Where("payment_id = ?", *filter.PaymentID)
	}
	return list[models.Discrepancy](db.Table("(?) AS found", found), page)
}

// Open counts the findings of all merchants that are not resolved, up to 1000, and says for how long the oldest one is open.
func (r *Discrepancies) Open(ctx context.Context) (count int, oldest time.Duration, err error) {
	var open struct {
		Count int
		Age   float64
	}
	err = r.db.WithContext(ctx).Raw(`SELECT count(*) AS count, coalesce(extract(epoch FROM clock_timestamp() - min(found_at)), 0)::float8 AS age
		FROM (SELECT found_at FROM discrepancies WHERE resolved_at IS NULL LIMIT 1000) open`).Scan(&open).Error
	if err != nil {
		return 0, 0, postgres.ReadError("count the discrepancies", err)
	}
	return open.Count, time.Duration(open.Age * float64(time.Second)), nil
}
