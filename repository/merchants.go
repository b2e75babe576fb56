package repository

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/payonce/payonce/idempotency/postgres"
	"github.com/payonce/payonce/idempotency/postgres/session"
	"github.com/payonce/payonce/models"
)

// Merchants stores the tenants and their API keys. None of it is on the path of a request but [Merchants.FindKey], and
// that only when the process does not know the key yet; so GORM builds all of it.
type Merchants struct{ db *gorm.DB }

// NewMerchants returns the store on db.
func NewMerchants(db *gorm.DB) *Merchants { return &Merchants{db: db} }

// Create makes a merchant. The name is bounded by [models.CheckMerchantName]; two merchants may have the same.
func (m *Merchants) Create(ctx context.Context, name string) (models.Merchant, error) {
	if err := models.CheckMerchantName(name); err != nil {
		return models.Merchant{}, err
	}
	merchant := models.Merchant{ID: models.NewID(), Name: name}
	if err := m.write(ctx, "create merchant", func(tx *gorm.DB) *gorm.DB { return tx.Create(&merchant) }); err != nil {
		return models.Merchant{}, err
	}
	return merchant, nil
}

// List returns all merchants, oldest first. It is for operators: no request lists merchants.
func (m *Merchants) List(ctx context.Context) ([]models.Merchant, error) {
	var list []models.Merchant
	if err := m.db.WithContext(ctx).Order("created_at, id").Find(&list).Error; err != nil {
		return nil, postgres.ReadError("list merchants", err)
	}
	return list, nil
}

// ByID returns a merchant, or [postgres.ErrNotFound].
func (m *Merchants) ByID(ctx context.Context, id uuid.UUID) (models.Merchant, error) {
	var merchant models.Merchant
	err := m.db.WithContext(ctx).Where("id = ?", id).Take(&merchant).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return models.Merchant{}, fmt.Errorf("merchant %s: %w; list the merchants to see their ids",
			models.FormatID(models.PrefixMerchant, id), postgres.ErrNotFound)
	}
	if err != nil {
		return models.Merchant{}, postgres.ReadError("find merchant", err)
	}
	return merchant, nil
}

// CreateKey makes an API key that may do everything and doesn't expire; see [Merchants.IssueKey].
func (m *Merchants) CreateKey(ctx context.Context, merchantID uuid.UUID) (id, secret string, err error) {
	return m.IssueKey(ctx, merchantID, models.KeyTerms{})
}

// IssueKey makes an API key and returns its public id and its whole text. The text exists nowhere else: the database
// has its hash only. [postgres.ErrNotFound] when there is no such merchant.
func (m *Merchants) IssueKey(ctx context.Context, merchantID uuid.UUID, terms models.KeyTerms) (id, secret string, err error) {
	if err := terms.Check(); err != nil {
		return "", "", err
	}
	// Asked first for a good error; the foreign key would refuse it, too. Merchants are never deleted.
	if _, err := m.ByID(ctx, merchantID); err != nil {
		return "", "", err
	}
	key, secret := models.NewAPIKey(merchantID, terms)
	if err := m.write(ctx, "create API key", func(tx *gorm.DB) *gorm.DB { return tx.Create(&key) }); err != nil {
		return "", "", err
	}
	return key.ID, secret, nil
}

// RevokeKey ends a key; ending it again changes nothing, so the first time stays on record. [postgres.ErrNotFound] when
// there is no such key.
func (m *Merchants) RevokeKey(ctx context.Context, keyID string) error {
	var done *gorm.DB
	err := m.write(ctx, "revoke API key", func(tx *gorm.DB) *gorm.DB {
		done = tx.Model(&models.APIKey{}).Where("id = ?", keyID).Update("revoked_at", gorm.Expr("COALESCE(revoked_at, now())"))
		return done
	})
	if err != nil {
		return err
	}
	if done.RowsAffected == 0 {
		return unknownKey(keyID)
	}
	return nil
}

// write runs one write in a transaction with the limits of all others: a key that is said to be revoked must be so after a
// crash, too, whatever the database's synchronous_commit is.
func (m *Merchants) write(ctx context.Context, label string, do func(tx *gorm.DB) *gorm.DB) error {
	err := postgres.RetryStalePlan(func() error {
		return m.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
			if err := tx.Exec("SELECT " + session.Limits + ", " + session.Durable).Error; err != nil {
				return err
			}
			return do(tx).Error
		}, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	})
	if err != nil {
		return postgres.WriteError(label, err)
	}
	return nil
}

// FindKey returns a key in whatever state, or [postgres.ErrNotFound]. The caller has yet to ask [models.APIKey.Usable]
// and [models.APIKey.Verify].
func (m *Merchants) FindKey(ctx context.Context, keyID string) (models.APIKey, error) {
	var key models.APIKey
	err := m.db.WithContext(ctx).Where("id = ?", keyID).Take(&key).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return models.APIKey{}, unknownKey(keyID)
	}
	if err != nil {
		return models.APIKey{}, postgres.ReadError("find API key", err)
	}
	return key, nil
}

// unknownKey shows the id only if it is one: people paste the whole key, secret and all, where its id is asked for.
func unknownKey(keyID string) error {
	shown := "(not the form of a key id)"
	if models.IsAPIKeyID(keyID) {
		shown = keyID
	}
	return fmt.Errorf("API key %s: %w; give the part between sk_test_ or sk_live_ and the last underscore", shown, postgres.ErrNotFound)
}
