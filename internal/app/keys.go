package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/internal/config"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
)

type listedMerchant struct {
	ID        string      `json:"id"`
	Name      string      `json:"name"`
	CreatedAt time.Time   `json:"created_at"`
	Keys      []listedKey `json:"keys"`
}

// listedKey is a key without its secret, which is nowhere.
type listedKey struct {
	ID         string     `json:"key_id"`
	Name       string     `json:"name"`
	Prefix     string     `json:"prefix"`
	Scopes     []string   `json:"scopes"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
	ExpiresAt  *time.Time `json:"expires_at"`
	Revoked    bool       `json:"revoked"`
}

func listed(all []repository.MerchantKeys) []listedMerchant {
	out := make([]listedMerchant, 0, len(all))
	for _, m := range all {
		one := listedMerchant{models.FormatID(models.PrefixMerchant, m.Merchant.ID), m.Merchant.Name, m.Merchant.CreatedAt.UTC(), []listedKey{}}
		for _, k := range m.Keys {
			one.Keys = append(one.Keys, listedKey{
				ID: k.ID, Name: k.Name, Prefix: k.Prefix(), Scopes: k.Scopes, CreatedAt: k.CreatedAt.UTC(),
				LastUsedAt: k.LastUsedAt, ExpiresAt: k.ExpiresAt, Revoked: k.RevokedAt != nil,
			})
		}
		out = append(out, one)
	}
	return out
}

// merchantID reads the value of --merchant. It is not shown when it is wrong: people paste secrets.
func merchantID(text string) (uuid.UUID, error) {
	id, err := models.ParseID(models.PrefixMerchant, text)
	if err != nil {
		return id, errors.New("--merchant is not a merchant's id (it is not shown, it may be a secret); copy the id as merchant list prints it, mer_ and 26 characters")
	}
	return id, nil
}

// keyTerms are what the flags ask for.
func keyTerms(c *config.KeyCreate) (terms models.KeyTerms, err error) {
	terms.Name, terms.Live, terms.Scopes = c.Name, !c.ProviderSimulated(), models.AllScopes()
	if terms.ExpiresAt, err = c.ExpiresAt(time.Now()); err != nil {
		return terms, err
	}
	if c.Scopes != "" {
		if terms.Scopes, err = models.ParseScopes(c.Scopes); err != nil {
			return terms, fmt.Errorf("--scopes: %w", err)
		}
	}
	return terms, terms.Check()
}

// CreateKey makes another API key and prints it, this once.
func CreateKey(ctx context.Context, c *config.KeyCreate, log *slog.Logger, out io.Writer) error {
	id, err := merchantID(c.Merchant)
	if err != nil {
		return err
	}
	terms, err := keyTerms(c)
	if err != nil {
		return err
	}
	return withMerchants(ctx, c.Config, log, func(merchants *repository.Merchants) error {
		keyID, key, err := merchants.IssueKey(ctx, id, terms)
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(out).Encode(struct {
				MerchantID string     `json:"merchant_id"`
				KeyID      string     `json:"key_id"`
				APIKey     string     `json:"api_key"`
				Name       string     `json:"name"`
				Scopes     []string   `json:"scopes"`
				ExpiresAt  *time.Time `json:"expires_at"`
			}{c.Merchant, keyID, key, terms.Name, terms.Scopes, terms.ExpiresAt})
		}
		_, err = fmt.Fprintf(out, "key id    %s\nscopes    %s\nexpires   %s\nAPI key   %s\n\nThe key is shown this once; only its hash is kept.\n",
			keyID, terms.Scopes, moment(terms.ExpiresAt, "never"), key)
		return err
	})
}

// ListKeys prints API keys, of one merchant or of all.
func ListKeys(ctx context.Context, c *config.KeyList, log *slog.Logger, out io.Writer) error {
	only := ""
	if c.Merchant != "" {
		id, err := merchantID(c.Merchant)
		if err != nil {
			return err
		}
		only = models.FormatID(models.PrefixMerchant, id)
	}
	return withMerchants(ctx, c.Config, log, func(merchants *repository.Merchants) error {
		all, err := merchants.ListWithKeys(ctx)
		if err != nil {
			return err
		}
		keys := keysOf(listed(all), only)
		if c.JSON {
			return json.NewEncoder(out).Encode(keys)
		}
		return printKeys(out, keys)
	})
}

// merchantKey is a key in the list of all.
type merchantKey struct {
	MerchantID string `json:"merchant_id"`
	listedKey
}

func keysOf(all []listedMerchant, only string) []merchantKey {
	keys := []merchantKey{}
	for _, m := range all {
		if only != "" && m.ID != only {
			continue
		}
		for _, k := range m.Keys {
			keys = append(keys, merchantKey{m.ID, k})
		}
	}
	return keys
}

func printKeys(out io.Writer, keys []merchantKey) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "KEY ID\tMERCHANT\tNAME\tPREFIX\tSCOPES\tLAST USED\tEXPIRES\tREVOKED")
	for _, k := range keys {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%t\n", k.ID, k.MerchantID, cmp.Or(k.Name, "-"), k.Prefix,
			models.Scopes(k.Scopes), moment(k.LastUsedAt, "-"), moment(k.ExpiresAt, "never"), k.Revoked)
	}
	return table.Flush()
}

// moment is a time to the second, or a word where there is none.
func moment(at *time.Time, none string) string {
	if at == nil {
		return none
	}
	return at.UTC().Format(time.RFC3339)
}

// RevokeKey revokes an API key; every replica refuses it within a second.
func RevokeKey(ctx context.Context, c *config.KeyRevoke, log *slog.Logger, out io.Writer) error {
	return withMerchants(ctx, c.Config, log, func(merchants *repository.Merchants) error {
		if err := merchants.RevokeKey(ctx, c.KeyID); err != nil {
			return err
		}
		_, err := fmt.Fprintf(out, "revoked %s; every replica refuses it within a second\n", c.KeyID)
		return err
	})
}
