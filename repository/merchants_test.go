package repository_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	gormpostgres "gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
	"github.com/payonce/payonce/test/stores"
)

// merchantsBothWays runs a test with prepared statements and in the mode for an old PgBouncer, where pgx does not know
// the columns' types and a wrong Value shows.
func merchantsBothWays(t *testing.T, test func(t *testing.T, db *gorm.DB, merchants *repository.Merchants)) {
	t.Helper()
	for name, mode := range map[string]pgx.QueryExecMode{
		"cached statements": pgx.QueryExecModeCacheStatement, "exec": pgx.QueryExecModeExec,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config, err := pgx.ParseConfig(stores.Database(t))
			if err != nil {
				t.Fatal(err)
			}
			config.DefaultQueryExecMode = mode
			pool := stdlib.OpenDB(*config)
			t.Cleanup(func() { _ = pool.Close() })
			db, err := gorm.Open(gormpostgres.New(gormpostgres.Config{Conn: pool}), &gorm.Config{
				SkipDefaultTransaction: true, QueryFields: true, Logger: logger.Discard,
			})
			if err != nil {
				t.Fatal(err)
			}
			test(t, db, repository.NewMerchants(db))
		})
	}
}

func TestAMerchantIsFoundAsItWasMade(t *testing.T) {
	t.Parallel()
	merchantsBothWays(t, func(t *testing.T, _ *gorm.DB, merchants *repository.Merchants) {
		first := createMerchant(t, merchants, "Café")
		second := createMerchant(t, merchants, "Café") // names need not be unique
		if first.CreatedAt.IsZero() || first.ID == second.ID {
			t.Errorf("made %+v and %+v", first, second)
		}
		found, err := merchants.ByID(t.Context(), first.ID)
		if err != nil || found.Name != "Café" || !found.CreatedAt.Equal(first.CreatedAt) {
			t.Errorf("found %+v, %v; made %+v", found, err, first)
		}
		list, err := merchants.List(t.Context())
		if err != nil || len(list) != 2 || list[0].ID != first.ID || list[1].ID != second.ID {
			t.Errorf("listed %+v, %v", list, err)
		}
	})
}

func TestABadNameMakesNoMerchant(t *testing.T) {
	t.Parallel()
	merchantsBothWays(t, func(t *testing.T, _ *gorm.DB, merchants *repository.Merchants) {
		for _, name := range []string{"", "a\tb", strings.Repeat("x", 201)} {
			if _, err := merchants.Create(t.Context(), name); !errors.Is(err, models.ErrMerchantName) {
				t.Errorf("%q: %v", name, err)
			}
		}
		if list, err := merchants.List(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("listed %+v, %v", list, err)
		}
	})
}

func TestAKeyOpensItsMerchantUntilItIsRevoked(t *testing.T) {
	t.Parallel()
	merchantsBothWays(t, func(t *testing.T, _ *gorm.DB, merchants *repository.Merchants) {
		merchant := createMerchant(t, merchants, "Shop")
		keyID, secret, err := merchants.CreateKey(t.Context(), merchant.ID)
		if err != nil {
			t.Fatal(err)
		}
		id, hash, err := models.ParseAPIKey(secret)
		if err != nil || id != keyID {
			t.Fatalf("the printed key has the id %q, %v; want %q", id, err, keyID)
		}
		key := findKey(t, merchants, keyID)
		if !key.Verify(hash) || !key.Usable(time.Now()) || key.MerchantID != merchant.ID || len(key.Scopes) != 1 || key.CreatedAt.IsZero() {
			t.Errorf("a new key is %+v", key)
		}

		revokeKey(t, merchants, keyID)
		revoked := findKey(t, merchants, keyID)
		if revoked.RevokedAt == nil || revoked.Usable(time.Now()) {
			t.Fatal("a revoked key is usable")
		}
		revokeKey(t, merchants, keyID)
		if again := findKey(t, merchants, keyID); !again.RevokedAt.Equal(*revoked.RevokedAt) {
			t.Errorf("revoking again moved the time from %s to %s", revoked.RevokedAt, again.RevokedAt)
		}
	})
}

func TestNothingOfTheSecretIsInTheDatabase(t *testing.T) {
	t.Parallel()
	merchantsBothWays(t, func(t *testing.T, db *gorm.DB, merchants *repository.Merchants) {
		_, printed, err := merchants.CreateKey(t.Context(), createMerchant(t, merchants, "Shop").ID)
		if err != nil {
			t.Fatal(err)
		}
		secret := printed[strings.LastIndex(printed, "_")+1:]
		var rows int64
		err = db.Raw(`SELECT count(*) FROM api_keys k WHERE k::text LIKE '%' || ? || '%'
			OR encode(k.secret_hash, 'escape') LIKE '%' || ? || '%'`, secret, secret).Scan(&rows).Error
		if err != nil || rows != 0 {
			t.Errorf("%d rows hold the secret, %v", rows, err)
		}
	})
}

func TestUnknownMerchantsAndKeysAreNotFound(t *testing.T) {
	t.Parallel()
	merchantsBothWays(t, func(t *testing.T, _ *gorm.DB, merchants *repository.Merchants) {
		_, missing := models.NewAPIKey(models.NewID(), models.KeyTerms{}) // a whole key where its id is asked for
		_, byID := merchants.ByID(t.Context(), models.NewID())
		_, _, createKey := merchants.CreateKey(t.Context(), models.NewID())
		_, find := merchants.FindKey(t.Context(), missing)
		revoke := merchants.RevokeKey(t.Context(), missing)
		for name, err := range map[string]error{"ByID": byID, "CreateKey": createKey, "FindKey": find, "RevokeKey": revoke} {
			if !errors.Is(err, postgres.ErrNotFound) {
				t.Errorf("%s: %v, want ErrNotFound", name, err)
			} else if strings.Contains(err.Error(), missing) {
				t.Errorf("%s shows the secret: %v", name, err)
			}
		}
	})
}

// A store that is away is not "no such key": that would be a 401 for an honest client.
func TestAFailedLookUpIsNotTakenForAMissingKey(t *testing.T) {
	t.Parallel()
	merchantsBothWays(t, func(t *testing.T, _ *gorm.DB, merchants *repository.Merchants) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := merchants.FindKey(ctx, "aaaaaaaaaaaaaaaaaaaa"); err == nil || errors.Is(err, postgres.ErrNotFound) {
			t.Errorf("FindKey = %v, want another error", err)
		}
	})
}

func createMerchant(t *testing.T, merchants *repository.Merchants, name string) models.Merchant {
	t.Helper()
	merchant, err := merchants.Create(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return merchant
}

func findKey(t *testing.T, merchants *repository.Merchants, keyID string) models.APIKey {
	t.Helper()
	key, err := merchants.FindKey(t.Context(), keyID)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func revokeKey(t *testing.T, merchants *repository.Merchants, keyID string) {
	t.Helper()
	if err := merchants.RevokeKey(t.Context(), keyID); err != nil {
		t.Fatal(err)
	}
}
