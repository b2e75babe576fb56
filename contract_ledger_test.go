package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of the test's own rows

	"github.com/payonce/payonce/test/stores"
)

// trial is a trial balance, with numbers of any size.
type trial struct {
	Data []struct {
		Currency             string
		Debits, Credits, Sum json.Number
		Accounts             []struct {
			Account, Currency        string
			Debits, Credits, Balance json.Number
		}
	}
}

func (s *api) trialBalance(t *testing.T) (balance trial) {
	t.Helper()
	got := s.do(t, call{method: "GET", path: "/v1/ledger/trial-balance"})
	if got.status != 200 {
		t.Errorf("the trial balance: got %d %s, want 200", got.status, got.body)
		return balance
	}
	decoder := json.NewDecoder(strings.NewReader(got.body))
	decoder.UseNumber()
	if err := decoder.Decode(&balance); err != nil {
		t.Fatal(err)
	}
	return balance
}

func TestALedgerEntryShowsWhatMoved(t *testing.T) {
	t.Parallel()
	s := startService(t, nil)
	if got := s.do(t, call{method: "GET", path: "/v1/ledger/trial-balance"}); got.body != `{"data":[]}` {
		t.Errorf("the trial balance of nothing: got %s, want no currency", got.body)
	}
	s.pay(t, "pay", s.order(t, "order"), "pm_card_visa")
	s.pay(t, "decline", s.order(t, "other"), "pm_card_chargeDeclined")
	listed := s.do(t, call{method: "GET", path: "/v1/ledger/entries"})
	data, _ := listed.field(t, "data").([]any)
	if len(data) != 1 {
		t.Fatalf("got the entries %s, want one: of the payment that succeeded", listed.body)
	}
	entry, _ := data[0].(map[string]any)
	id, source := fmt.Sprint(entry["id"]), fmt.Sprint(entry["source"])
	postings, err := json.Marshal(entry["postings"])
	const want = `[{"amount":1999,"credit":"merchant_payable","currency":"EUR","debit":"provider_clearing"}]`
	if err != nil || entry["kind"] != "capture" || !strings.HasPrefix(id, "le_") || !strings.HasPrefix(source, "cap_") || string(postings) != want {
		t.Errorf("got %v with the postings %s, %v; want a capture with %s", entry, postings, err, want)
	}
	for query, want := range map[string]string{
		"source=" + source: id, "account=provider_clearing": id, "account=merchant_payable&currency=EUR": id, "currency=EUR&source=" + source: id,
		"created[gte]=" + fmt.Sprint(entry["created_at"]): id, "created[lt]=" + fmt.Sprint(entry["created_at"]): "", "currency=KWD": "",
		"source=re_" + strings.TrimPrefix(source, "cap_"): "", "source=" + source[:len(source)-1] + "0": "", "account=merchant_payable&currency=USD": "",
	} {
		if strings.HasSuffix(source, "0") && strings.HasSuffix(query, "0") && want == "" {
			continue // the other id is the same one
		}
		if got := s.ids(t, "/v1/ledger/entries?"+query); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	for _, query := range []string{"account=cash", "currency=eur", "currency=EURO", "source=pay_3h2v9c1m8x4r7t0k5w6z1b2d3f", "source=cap_", "kind=capture"} {
		if got := s.do(t, call{method: "GET", path: "/v1/ledger/entries?" + query}); got.status != 400 || got.text(t, "code") != "malformed-request" {
			t.Errorf("%s: got %d %s, want 400 malformed-request", query, got.status, got.body)
		}
	}
}

// While payments and refunds run, every look at the ledger is a snapshot in which both sides agree, and nothing booked disappears.
func TestTheTrialBalanceIsZeroWhilePaymentsAndRefundsRun(t *testing.T) {
	t.Parallel()
	s := startService(t, map[string]string{"RATE_LIMIT": "off"})
	const each = 25
	done := make(chan struct{})
	var group sync.WaitGroup
	for _, code := range []string{"EUR", "JPY"} {
		group.Go(func() {
			for i := range each {
				key := fmt.Sprint(code, "-", i)
				order := s.do(t, call{method: "POST", path: "/v1/orders", key: key, body: fmt.Sprintf(`{"amount":%d,"currency":%q}`, 1000+i, code)})
				paid := s.pay(t, "pay-"+key, order.text(t, "id"), "pm_card_visa")
				back := s.do(t, call{method: "POST", path: "/v1/payments/" + paid.text(t, "id") + "/refunds", key: "refund-" + key, body: `{"amount":10}`})
				if paid.status != 201 || back.status != 201 {
					t.Errorf("%s: got %d %s and the refund %d %s, want 201", key, paid.status, paid.body, back.status, back.body)
				}
			}
		})
	}
	go func() {
		group.Wait()
		close(done)
	}()
	looks, last := 0, map[string]int64{}
	for running := true; running; looks++ {
		select {
		case <-done:
			running = false // and one look more, at the end
		default:
		}
		for _, currency := range s.trialBalance(t).Data {
			moved, err := currency.Debits.Int64()
			if err != nil || currency.Sum != "0" || currency.Debits != currency.Credits || moved < last[currency.Currency] {
				t.Errorf("look %d: got %+v, %v; want a sum of 0, and at least the %d of before", looks, currency, err, last[currency.Currency])
			}
			last[currency.Currency] = moved
		}
	}
	const want = each*1000 + each*(each-1)/2 + each*10 // a refund is booked on both sides, too
	if last["EUR"] != want || last["JPY"] != want || len(last) != 2 {
		t.Errorf("after %d looks: got %v, want %d in each currency", looks, last, want)
	}
}

// Amounts next to 2^63, of which two don't fit into 64 bits any more.
func TestTheLedgersSumsAreExactBeyond64Bits(t *testing.T) {
	t.Parallel()
	url := stores.Database(t)
	s := startService(t, map[string]string{"DATABASE_URL": url})
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(t.Context(), `WITH m AS (SELECT merchant_id AS id FROM api_keys WHERE id = $1),
		a AS (INSERT INTO ledger_accounts SELECT m.id, md5(code)::uuid, code, 'USD' FROM m, unnest(ARRAY['provider_clearing', 'merchant_payable']) code),
		e AS (INSERT INTO ledger_entries SELECT m.id, md5(g::text)::uuid, 'capture', md5(g::text)::uuid FROM m, generate_series(1, 3) g)
		INSERT INTO ledger_postings SELECT m.id, md5(g::text)::uuid, 1, md5('provider_clearing')::uuid, md5('merchant_payable')::uuid, 'USD',
			(ARRAY[9223372036854775807, 9223372036854775806, 9007199254740993])[g] FROM m, generate_series(1, 3) g`, s.keyID)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := new(big.Int).SetString("18455751272964292606", 10)
	balance := s.trialBalance(t)
	if len(balance.Data) != 1 || string(balance.Data[0].Debits) != want.String() || string(balance.Data[0].Credits) != want.String() || balance.Data[0].Sum != "0" {
		t.Errorf("got %+v, want %s on both sides", balance, want)
	}
	const shown = `"debits":0,"credits":18455751272964292606,"balance":18455751272964292606`
	if got := s.do(t, call{method: "GET", path: "/v1/balance"}).body; !strings.Contains(got, shown) {
		t.Errorf("the balances: got %s, want %s in them", got, shown)
	}
	entries := s.do(t, call{method: "GET", path: "/v1/ledger/entries"}).body
	for _, amount := range []string{"9223372036854775807", "9223372036854775806", "9007199254740993"} {
		if !strings.Contains(entries, `"amount":`+amount+`}`) {
			t.Errorf("the entries: got %s, want the amount %s", entries, amount)
		}
	}
}
