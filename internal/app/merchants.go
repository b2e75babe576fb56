package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"

	"github.com/payonce/payonce/internal/config"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
)

// withMerchants runs a command on the merchants of an up-to-date schema.
func withMerchants(ctx context.Context, cfg config.Config, log *slog.Logger, run func(*repository.Merchants) error) error {
	return withDatabase(ctx, cfg, log, func(url string) (err error) {
		if err := migrate(ctx, url, log); err != nil {
			return err
		}
		db, err := openForCommand(ctx, cfg, url, log)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		return run(repository.NewMerchants(db.GORM()))
	})
}

// CreateMerchant makes a merchant and prints its API key, this once.
func CreateMerchant(ctx context.Context, c *config.MerchantCreate, log *slog.Logger, out io.Writer) error {
	return withMerchants(ctx, c.Config, log, func(merchants *repository.Merchants) error {
		if c.First {
			there, err := merchants.Any(ctx)
			if err != nil {
				return err
			}
			if there {
				_, err = fmt.Fprintln(out, "There is a merchant already; its key was shown when it was made. Make another key by: "+
					"payonce merchant key create --merchant ID (payonce merchant list shows the ids)")
				return err
			}
		}
		merchant, err := merchants.Create(ctx, c.Name)
		if err != nil {
			return err
		}
		keyID, key, err := merchants.IssueKey(ctx, merchant.ID, models.KeyTerms{Live: !c.ProviderSimulated()})
		if err != nil {
			return err
		}
		id := models.FormatID(models.PrefixMerchant, merchant.ID)
		if c.JSON {
			return json.NewEncoder(out).Encode(struct {
				ID     string `json:"id"`
				Name   string `json:"name"`
				APIKey string `json:"api_key"`
				KeyID  string `json:"key_id"`
			}{id, merchant.Name, key, keyID})
		}
		text := fmt.Sprintf("merchant  %s  %s\nkey id    %s\nAPI key   %s\n\nThe key is shown this once; only its hash is kept.\n",
			id, merchant.Name, keyID, key)
		if c.Curl != "" {
			text += payByCurl(c.Curl, c.CACert, key)
		}
		_, err = io.WriteString(out, text)
		return err
	})
}

// payByCurl is a line for a shell that makes an order and pays it. Sent twice, it pays once: its keys stand in it.
func payByCurl(base, certificate, key string) string {
	curl := "curl -sS"
	if certificate != "" {
		curl += " --cacert " + certificate
	}
	headers := func() string {
		return fmt.Sprintf("-H 'Authorization: Bearer %s' -H 'Content-Type: application/json' -H 'Idempotency-Key: %s'", key, uuid.NewString())
	}
	return fmt.Sprintf(`
Make an order and pay it. Run the line again: it is the same order, and the same payment.

  ORDER=$(%[1]s %[2]s/v1/orders %[3]s -d '{"amount":1999,"currency":"EUR"}' | sed -n 's/.*"id":"\(ord_[^"]*\)".*/\1/p') && %[1]s -i %[2]s/v1/payments %[4]s -d '{"order_id":"'"$ORDER"'","payment_method":"pm_card_visa"}'
`, curl, strings.TrimSuffix(base, "/"), headers(), headers())
}

// ListMerchants prints every merchant.
func ListMerchants(ctx context.Context, c *config.MerchantList, log *slog.Logger, out io.Writer) error {
	return withMerchants(ctx, c.Config, log, func(merchants *repository.Merchants) error {
		all, err := merchants.ListWithKeys(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(out).Encode(listed(all))
		}
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(table, "ID\tNAME\tCREATED\tKEY ID\tREVOKED")
		for _, m := range listed(all) {
			for _, k := range m.Keys {
				_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%t\n", m.ID, m.Name, m.CreatedAt.Format(time.RFC3339), k.ID, k.Revoked)
			}
			if len(m.Keys) == 0 {
				_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t-\t-\n", m.ID, m.Name, m.CreatedAt.Format(time.RFC3339))
			}
		}
		return table.Flush()
	})
}
