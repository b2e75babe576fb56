package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
)

// announce tells a person where everything is, and programs the one line that they wait for.
func (a *App) announce(ctx context.Context, out, errOut io.Writer, public, admin net.Addr) error {
	base := "http://" + public.String()
	text := fmt.Sprintf(`payonce: a request that is sent twice happens once

  PostgreSQL  %s
  Redis       %s
  Provider    %s

  API         %s/v1
  Swagger UI  %s/swagger/index.html
  Problems    %s/problems
  Metrics     http://%s/metrics
`, a.stores.postgresRung, a.stores.redisRung, a.payer.rung, base, base, base, admin)
	if a.Config.DatabaseURL == "" {
		key, err := a.demoKey(ctx)
		if err != nil {
			return err
		}
		text += fmt.Sprintf(`  API key     %s   (demo merchant, for development)

Try it; send it twice and watch the second answer say Idempotent-Replayed: true

  curl -i %s/v1/orders -H 'Authorization: Bearer %s' \
    -H 'Idempotency-Key: %s' -H 'Content-Type: application/json' \
    -d '{"amount":1999,"currency":"EUR"}'

`, key, base, key, uuid.NewString())
	}
	_, _ = io.WriteString(out, text)
	_, _ = fmt.Fprintf(errOut, "admin listening on http://%s\nlistening on %s\n", admin, base)
	return nil
}

// demoKey is the API key of the demo merchant, kept beside the private database.
func (a *App) demoKey(ctx context.Context) (string, error) {
	path := filepath.Join(a.Config.DataDir, "demo.key")
	merchants := repository.NewMerchants(a.db.GORM())
	if kept, err := os.ReadFile(path); err == nil { //nolint:gosec // the operator's own folder
		key := strings.TrimSpace(string(kept))
		_, err := a.Keys.Authenticate(ctx, key, func() error { return nil })
		if err == nil {
			return key, nil
		}
	} else if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read the demo key: %w", err)
	}
	merchant, err := merchants.Create(ctx, "Demo")
	if err != nil {
		return "", fmt.Errorf("make the demo merchant: %w", err)
	}
	_, key, err := merchants.CreateKey(ctx, merchant.ID)
	if err != nil {
		return "", fmt.Errorf("make the demo key for %s: %w", models.FormatID(models.PrefixMerchant, merchant.ID), err)
	}
	return key, keep(path, key+"\n")
}
