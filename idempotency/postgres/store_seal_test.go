package postgres_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency"
	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/idempotency/seal"
	"github.com/payonce/payonce/idempotency/storetest"
)

func sealer(t *testing.T, roots ...byte) *seal.Box {
	t.Helper()
	var secrets [][]byte
	for _, root := range roots {
		secrets = append(secrets, bytes.Repeat([]byte{root}, 32))
	}
	box, err := seal.New("test", secrets)
	if err != nil {
		t.Fatal(err)
	}
	return box
}

// sealedStore is the fixture's database with a store that seals.
func (f *fixture) sealedStore(all bool, box postgres.Sealer) *postgres.Store {
	options := retention()
	options.Sealer, options.SealAll = box, all
	return postgres.NewStore(f.db, primary{}, options)
}

func TestPostgresKeepsItWhenItSealsEveryResponseToo(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Fixture[*postgres.Tx] {
		f := openFixture(t, postgres.Options{MaxConns: 8})
		f.store = f.sealedStore(true, sealer(t, 1))
		return f
	})
}

// commit stores a response under a new key.
func (f *fixture) commit(store *postgres.Store, response *idempotency.Response) (*idempotency.Record, error) {
	f.Helper()
	req := idempotency.Request{Tenant: idempotency.Tenant(uuid.New()), KeyHash: [32]byte{byte(len(response.Body))}}
	tx, found, err := store.Begin(f.Context(), req, nil)
	if err != nil || !found.Mine {
		f.Fatalf("begin: %+v, %v", found, err)
	}
	rec := &idempotency.Record{
		Tenant: req.Tenant, KeyHash: req.KeyHash, Method: "POST", Path: "/", ClaimID: idempotency.NewClaimID(), Fence: 1, Response: response,
	}
	return rec, store.Commit(f.Context(), tx, rec)
}

func TestASealedBodyIsNotInTheDatabaseAndIsReplayedToTheByte(t *testing.T) {
	t.Parallel()
	f := openFixture(t, postgres.Options{MaxConns: 4})
	box := sealer(t, 1)
	for name, test := range map[string]struct {
		store  *postgres.Store
		secret bool
		how    string
	}{
		"every response":        {f.sealedStore(true, box), false, "response"},
		"a secret":              {f.sealedStore(false, box), true, "secret"},
		"a secret among others": {f.sealedStore(true, box), true, "secret"},
	} {
		response := &idempotency.Response{Status: 201, Body: []byte("whsec_" + name), Headers: []idempotency.Header{}, Secret: test.secret}
		rec, err := f.commit(test.store, response)
		if err != nil {
			t.Fatal(err)
		}
		var body []byte
		var how string
		if err := f.db.SQL().QueryRowContext(t.Context(), `SELECT body, sealed FROM idempotency_keys WHERE merchant_id = $1`,
			uuid.UUID(rec.Tenant)).Scan(&body, &how); err != nil || how != test.how || bytes.Contains(body, []byte("whsec")) {
			t.Errorf("%s: the row holds %q, sealed as %q (%v), want %q", name, body, how, err, test.how)
		}
		found, err := test.store.Find(t.Context(), rec.Tenant, rec.KeyHash)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(response, found.Response); diff != "" {
			t.Errorf("%s: replayed (-sent +read):\n%s", name, diff)
		}
	}
}

func TestAResponseIsOpenedWhileAKeyIsReplacedAndNeverGuessedWithoutIt(t *testing.T) {
	t.Parallel()
	f := openFixture(t, postgres.Options{MaxConns: 4})
	rec, err := f.commit(f.sealedStore(true, sealer(t, 1)), &idempotency.Response{Status: 200, Body: []byte("body")})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := f.sealedStore(false, sealer(t, 2, 1)).Find(t.Context(), rec.Tenant, rec.KeyHash); err != nil || string(got.Response.Body) != "body" {
		t.Errorf("during the rotation: %+v, %v", got, err)
	}
	for name, store := range map[string]*postgres.Store{"retired too early": f.sealedStore(true, sealer(t, 2)), "none": f.store} {
		if _, err := store.Find(t.Context(), rec.Tenant, rec.KeyHash); !errors.Is(err, idempotency.ErrUnavailable) {
			t.Errorf("key %s: %v, want ErrUnavailable", name, err)
		}
	}
}

func TestASealedBodyOpensInItsOwnRowOnly(t *testing.T) {
	t.Parallel()
	f := openFixture(t, postgres.Options{MaxConns: 4})
	store := f.sealedStore(true, sealer(t, 1))
	theirs, err := f.commit(store, &idempotency.Response{Status: 200, Body: []byte("theirs")})
	if err != nil {
		t.Fatal(err)
	}
	f.exec(`ALTER TABLE idempotency_keys DISABLE TRIGGER ALL`)
	mine, err := f.commit(store, &idempotency.Response{Status: 200, Body: []byte("mine")})
	if err != nil {
		t.Fatal(err)
	}
	f.exec(`UPDATE idempotency_keys SET body = (SELECT body FROM idempotency_keys WHERE merchant_id = '` + uuid.UUID(theirs.Tenant).String() + `')`)
	if got, err := store.Find(t.Context(), mine.Tenant, mine.KeyHash); !errors.Is(err, seal.ErrBroken) {
		t.Errorf("another merchant's body in my row: %+v, %v; want ErrBroken", got, err)
	}
}

func TestASecretIsNotStoredInTheClear(t *testing.T) {
	t.Parallel()
	f := openFixture(t, postgres.Options{MaxConns: 4})
	if _, err := f.commit(f.store, &idempotency.Response{Status: 201, Body: []byte("whsec"), Secret: true}); err == nil {
		t.Error("a store without a sealer took a secret")
	}
}
