package scaleout

import (
	"context"
	"database/sql"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/payonce/payonce/test/stores"
)

// notDistributed are the tables whose rows are no single merchant's, or are looked for before the merchant is known. A sharded
// database has a copy of each on every node (Citus: a reference table), or keeps it on the coordinator.
func notDistributed() map[string]string {
	return map[string]string{
		"merchants":              "a row per merchant, which nothing on the hot path writes: a reference table",
		"api_keys":               "found by the key's id before the merchant is known: a reference table",
		"currencies":             "constants: a reference table",
		"payment_transitions":    "constants: a reference table",
		"event_logs":             "a row per move to another server: a reference table",
		"archive_files":          "files of every merchant's tombstones: on the coordinator",
		"provider_events":        "what the provider sends, before it is known whose it is: on the coordinator",
		"payonce_schema_version": "of the migrations: on the coordinator",
		"payonce_schema_lock":    "of the migrations: on the coordinator",
	}
}

// constantsOf are foreign keys without the merchant: they lead to reference tables.
func constantsOf() map[string]string {
	return map[string]string{"orders_currency_fk": "currencies", "ledger_accounts_currency_fk": "currencies"}
}

// Citus and YugabyteDB keep a merchant's rows together by merchant_id, and can hold a key only where it begins with that.
func TestShardingEveryKeyBeginsWithTheMerchant(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("pgx", stores.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	without := pairs(t, db, `SELECT relname, '' FROM pg_class c WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
		AND (relname = 'api_keys' OR NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'merchant_id' AND attnotnull))`)
	tables := map[string]string{}
	for table := range notDistributed() {
		tables[table] = ""
	}
	if diff := cmp.Diff(tables, without); diff != "" {
		t.Errorf("tables that have no merchant (-known +found):\n%s", diff)
	}
	for name, table := range pairs(t, db, `SELECT i.indexrelid::regclass::text, c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
		LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
		WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace AND a.attname IS DISTINCT FROM 'merchant_id'`) {
		if _, known := notDistributed()[table]; !known {
			t.Errorf("the unique key %s of %s does not begin with merchant_id", name, table)
		}
	}
	foreign := pairs(t, db, `SELECT conname, f.confrelid::regclass::text FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = f.conkey[1]
		JOIN pg_attribute b ON b.attrelid = f.confrelid AND b.attnum = f.confkey[1]
		WHERE f.contype = 'f' AND c.relnamespace = 'public'::regnamespace
		AND (a.attname <> 'merchant_id' OR b.attname <> 'merchant_id' AND f.confrelid <> 'merchants'::regclass)`)
	if diff := cmp.Diff(constantsOf(), foreign); diff != "" {
		t.Errorf("foreign keys that don't begin with merchant_id on both sides (-known +found):\n%s", diff)
	}
	sequences := pairs(t, db, `SELECT relname, '' FROM pg_class WHERE relkind = 'S'`)
	if diff := cmp.Diff(map[string]string{"payonce_schema_version_id_seq": ""}, sequences); diff != "" {
		t.Errorf("sequences, which are one for all nodes (-known +found):\n%s", diff)
	}
}

// pairs reads two columns of text.
func pairs(t *testing.T, db *sql.DB, query string) map[string]string {
	t.Helper()
	rows, err := db.QueryContext(context.Background(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	found := map[string]string{}
	for rows.Next() {
		var name, of string
		if err := rows.Scan(&name, &of); err != nil {
			t.Fatal(err)
		}
		found[name] = of
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}
