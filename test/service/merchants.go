package service

import (
	"strings"
	"testing"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
)

// Merchants are the merchants and API keys in a database, as the commands make and revoke them.
func Merchants(t testing.TB, databaseURL string) *repository.Merchants {
	t.Helper()
	db, err := postgres.Open(databaseURL, postgres.Options{MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return repository.NewMerchants(db.GORM())
}

// Merchant makes a merchant with an API key.
func Merchant(t testing.TB, databaseURL string) (id, apiKey string) {
	t.Helper()
	merchants := Merchants(t, databaseURL)
	merchant, err := merchants.Create(t.Context(), "Merchant of "+strings.ReplaceAll(t.Name()[:min(len(t.Name()), 60)], "/", " "))
	if err != nil {
		t.Fatal(err)
	}
	if _, apiKey, err = merchants.CreateKey(t.Context(), merchant.ID); err != nil {
		t.Fatal(err)
	}
	return models.FormatID(models.PrefixMerchant, merchant.ID), apiKey
}

// KeyID is the public part of an API key.
func KeyID(t testing.TB, apiKey string) string {
	t.Helper()
	id, _, err := models.ParseAPIKey(apiKey)
	if err != nil {
		t.Fatal(err)
	}
	return id
}
