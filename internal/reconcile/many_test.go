package reconcile_test

import (
	"context"
	"crypto/md5" //nolint:gosec // ids that PostgreSQL makes as well
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/payonce/payonce/internal/reconcile"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/provider"
)

// manyCharges is a provider whose book is made as it is read: the test's memory is the run's.
type manyCharges struct {
	bookProvider
	n        int
	merchant uuid.UUID
	until    time.Time
	missing  int // the provider lost this one
}

// madeAt spreads the charges over 90 seconds; number 0 is the newest.
func (m *manyCharges) madeAt(i int) time.Time {
	return m.until.Add(-time.Second - time.Duration(i)*90*time.Second/time.Duration(m.n)).Truncate(time.Second)
}

func (m *manyCharges) intent(i int) *provider.Intent {
	id := uuid.UUID(md5.Sum([]byte("payment" + strconv.Itoa(i)))) //nolint:gosec // as above
	return &provider.Intent{
		Reference: "pi_" + strconv.Itoa(i), Status: "succeeded", Amount: 1999, AmountReceived: 1999, Currency: "EUR", Created: m.madeAt(i),
		Metadata: map[string]string{
			"payment_id": models.FormatID(models.PrefixPayment, id), "merchant_id": models.FormatID(models.PrefixMerchant, m.merchant),
		},
	}
}

func (m *manyCharges) ListIntents(_ context.Context, r provider.ListRequest) (p provider.Page[provider.Intent], err error) {
	first := 0
	if r.After != "" {
		if _, err := fmt.Sscanf(r.After, "pi_%d", &first); err != nil {
			return p, err
		}
		first++
	}
	for i := first; i < m.n; i++ {
		if len(p.Objects) == 100 {
			p.Next = p.Objects[99].Reference
			return p, nil
		}
		if i != m.missing {
			p.Objects = append(p.Objects, m.intent(i))
		}
	}
	return p, nil
}

func (m *manyCharges) Retrieve(_ context.Context, reference string) provider.Result[provider.Intent] {
	m.asked++
	var i int
	if _, err := fmt.Sscanf(reference, "pi_%d", &i); err != nil || i == m.missing {
		return provider.Result[provider.Intent]{Outcome: provider.NotFound}
	}
	return provider.Result[provider.Intent]{Outcome: provider.Answered, Object: m.intent(i)}
}

// manyRows writes the same payments into our book, as a merchant would have them who sells that fast. They have no orders:
// nothing of them is compared.
func (w *world) manyRows(n int) {
	w.t.Helper()
	err := w.db.GORM().WithContext(w.t.Context()).Transaction(func(tx *gorm.DB) error {
		for _, statement := range []string{"SET LOCAL session_replication_role = replica", "SET LOCAL statement_timeout = 0"} {
			if err := tx.Exec(statement).Error; err != nil {
				return err
			}
		}
		return tx.Exec(`INSERT INTO payments (merchant_id, id, order_id, currency, idempotency_key_hash, provider, provider_reference,
				payment_method, status, amount, amount_authorized, amount_captured, created_at)
			SELECT ?, md5('payment' || i)::uuid, md5('order' || i)::uuid, 'EUR', sha256(i::text::bytea), ?, 'pi_' || i, 'pm_card_visa',
				'succeeded', 1999, 1999, 1999, ?::timestamptz - interval '1 s' - i * interval '90 s' / ? FROM generate_series(0, ?) i`,
			w.merchant, account, w.until, n, n-1).Error
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.exec("ANALYZE payments")
}

// However many charges there are, a run keeps a part of them. Not parallel, because it looks at the heap.
func TestAHundredThousandChargesAreComparedInBoundedMemory(t *testing.T) {
	const n, limit = 100_000, 32 << 20
	w := newWorld(t)
	w.manyRows(n)
	many := &manyCharges{n: n, merchant: w.merchant, until: w.until, missing: 55_555}
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	highest, pages := uint64(0), 0
	began := time.Now()
	var found []reconcile.Finding
	sum, err := reconcile.Run(t.Context(), many, w.rows, reconcile.Options{
		From: w.from, Until: w.until,
		Found: func(f reconcile.Finding) error {
			found = append(found, f)
			return nil
		},
		Progress: func(reconcile.Summary) {
			if pages++; pages%50 == 0 {
				var now runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&now)
				highest = max(highest, now.HeapAlloc)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if sum.Charges != n-1 || sum.Rows != n || len(found) != 1 || found[0].Kind != reconcile.KindChargeNotAtProvider || many.asked > n/20 {
		t.Errorf("got %+v and %+v after asking for %d, want the one that the provider lost, and few questions", sum, found, many.asked)
	}
	if highest > before.HeapAlloc+limit {
		t.Errorf("the heap grew by %d bytes, want at most %d", highest-before.HeapAlloc, limit)
	}
	t.Logf("%d charges in %s, %d asked for by themselves, the heap at most %d KiB larger", n, time.Since(began).Round(time.Millisecond),
		many.asked, (int64(highest)-int64(before.HeapAlloc))>>10) //nolint:gosec // sizes of a heap fit
}
