package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/payonce/payonce/bench/load"
	"github.com/payonce/payonce/test/stores"
)

// noteRows lets each table note each row that is written in it.
const noteRows = `CREATE TABLE noted (change text NOT NULL);
CREATE FUNCTION note_row() RETURNS trigger LANGUAGE plpgsql AS
	$$ BEGIN INSERT INTO noted VALUES (TG_OP || ' ' || TG_TABLE_NAME); RETURN NULL; END $$;
DO $$ DECLARE name text; BEGIN
	FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'noted' LOOP
		EXECUTE format('CREATE TRIGGER note_row AFTER INSERT OR UPDATE OR DELETE ON %I FOR EACH ROW EXECUTE FUNCTION note_row()', name);
	END LOOP;
END $$`

// A baseline that writes less than the service would make idempotency look dearer than it is, and one that writes more, cheaper.
func TestBaselinesWriteTheRowsOfTheService(t *testing.T) {
	t.Parallel()
	stores.NeedsRealRedis(t)
	programs := t.TempDir()
	if err := build(t.Context(), programs, false); err != nil {
		t.Fatal(err)
	}
	o := tiny(t, programs)
	stage, err := openStage(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stage.close(); err != nil {
			t.Error(err)
		}
	})
	s, err := stage.openSite(t.Context(), "rows", 0, nil)
	if err == nil {
		err = errors.Join(s.begin(t.Context()), s.startBaseline(t.Context()), stage.exec(t.Context(), s.database, noteRows))
	}
	if err != nil {
		t.Fatal(err)
	}
	variants := map[string]*variant{}
	for _, v := range append(s.payonceVariants(), s.baselineVariants()...) {
		variants[v.name] = v
	}
	for service, plain := range map[string]string{
		firstOrder: plainOrder, firstPayment: plainPayment, firstCapture: plainCapture, firstRefund: plainRefund,
	} {
		record := map[string]int{"INSERT idempotency_keys": 1, "UPDATE idempotency_keys": 1}
		if service == firstOrder {
			delete(record, "UPDATE idempotency_keys")
		}
		want := s.rowsOf(t, variants[plain])
		maps.Copy(want, record)
		if got := s.rowsOf(t, variants[service]); !maps.Equal(got, want) {
			t.Errorf("%s wrote other rows than %s and the key's record:\n%s\nwant\n%s", service, plain, listed(got), listed(want))
		}
	}
	inserted := func(rows map[string]int) map[string]int {
		maps.DeleteFunc(rows, func(change string, _ int) bool { return !strings.HasPrefix(change, "INSERT ") })
		return rows
	}
	if got, want := inserted(s.rowsOf(t, variants[plainPaymentAt])), inserted(s.rowsOf(t, variants[plainPayment])); !maps.Equal(got, want) {
		t.Errorf("%s inserted other rows than %s:\n%s\nwant\n%s", plainPaymentAt, plainPayment, listed(got), listed(want))
	}
}

// rowsOf is how often a request of the variant wrote in each table. The one before it makes what is made once, the ledger's accounts.
func (t *site) rowsOf(test *testing.T, v *variant) map[string]int {
	test.Helper()
	ctx := test.Context()
	first, _, err := v.reserve(ctx, 2)
	if err == nil {
		err = load.Each(ctx, v.server.address, first, 1, wanted(v.name), v.next, nil)
	}
	if err == nil {
		err = errors.Join(t.stage.exec(ctx, t.database, "TRUNCATE noted"), load.Each(ctx, v.server.address, first+1, 1, wanted(v.name), v.next, nil))
	}
	v.spent(2)
	rows := map[string]int{}
	if err == nil {
		err = t.noted(ctx, rows)
	}
	if err != nil {
		test.Fatalf("%s: %v", v.name, err)
	}
	return rows
}

func (t *site) noted(ctx context.Context, rows map[string]int) error {
	found, err := t.rows.Query(ctx, "SELECT change, count(*) FROM noted GROUP BY change")
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		var change string
		var n int
		if err := found.Scan(&change, &n); err != nil {
			return err
		}
		rows[change] = n
	}
	return found.Err()
}

func listed(rows map[string]int) string {
	var lines []string
	for _, change := range slices.Sorted(maps.Keys(rows)) {
		lines = append(lines, fmt.Sprintf("%d x %s", rows[change], change))
	}
	return strings.Join(lines, "\n")
}
