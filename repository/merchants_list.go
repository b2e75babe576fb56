package repository

import (
	"context"

	"github.com/google/uuid"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/models"
)

// MerchantKeys is a merchant with its API keys, oldest first.
type MerchantKeys struct {
	Merchant models.Merchant
	Keys     []models.APIKey
}

// ListWithKeys returns every merchant, oldest first.
func (m *Merchants) ListWithKeys(ctx context.Context) ([]MerchantKeys, error) {
	merchants, err := m.List(ctx)
	if err != nil {
		return nil, err
	}
	var keys []models.APIKey
	if err := m.db.WithContext(ctx).Order("created_at, id").Find(&keys).Error; err != nil {
		return nil, postgres.ReadError("list API keys", err)
	}
	of := map[uuid.UUID][]models.APIKey{}
	for _, key := range keys {
		of[key.MerchantID] = append(of[key.MerchantID], key)
	}
	all := make([]MerchantKeys, 0, len(merchants))
	for _, merchant := range merchants {
		all = append(all, MerchantKeys{merchant, of[merchant.ID]})
	}
	return all, nil
}

// Any reports whether there is a merchant.
func (m *Merchants) Any(ctx context.Context) (there bool, err error) {
	if err := m.db.WithContext(ctx).Raw("SELECT EXISTS (SELECT 1 FROM merchants)").Scan(&there).Error; err != nil {
		return false, postgres.ReadError("look for a merchant", err)
	}
	return there, nil
}
