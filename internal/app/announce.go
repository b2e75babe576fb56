package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/repository"
)

// announce prints where everything is, for people, and the one line that programs wait for.
func (a *App) announce(ctx context.Context, out, errOut io.Writer, public, admin net.Addr) error {
	base := "http://" + reached(public)
	text := fmt.Sprintf(`payonce: a request that is sent twice happens once

  PostgreSQL  %s
  Redis       %s
  Provider    %s

  Start page  %s/
%s  API         %s/v1
  Swagger UI  %s/swagger/index.html
  Problems    %s/problems
  Metrics     http://%s/metrics
`, a.stores.postgresSource, a.redisLine(ctx), a.provider.source, base, a.demoLine(base), base, base, base, reached(admin))
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
	} else if err := a.withoutMerchant(ctx, &text); err != nil {
		return err
	}
	if a.stores.ownPostgres != nil {
		if err := a.stores.ownPostgres.Serves(base); err != nil { // it only helps to explain a folder in use
			a.Log.WarnContext(ctx, "the owner's note is not complete", "error", err)
		}
	}
	_, _ = io.WriteString(out, text)
	_, _ = fmt.Fprintf(errOut, "admin listening on http://%s\nlistening on http://%s\n", admin, public)
	return nil
}

// reached is an address under which a listener is reached from this machine: one that listens everywhere is at loopback, too.
func reached(at net.Addr) string {
	if tcp, ok := at.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(tcp.Port))
	}
	return at.String()
}

// demoLine says where the demo page is; nothing where there is none.
func (a *App) demoLine(base string) string {
	if a.Demo == nil {
		return ""
	}
	return "  Demo page   " + base + "/demo\n"
}

// withoutMerchant says how to make the first API key while there is none.
func (a *App) withoutMerchant(ctx context.Context, text *string) error {
	there, err := repository.NewMerchants(a.db.GORM()).Any(ctx)
	if err == nil && !there {
		*text += "\n  No merchant yet: make the first one, with its API key, by: payonce merchant create --name NAME (with this DATABASE_URL)\n"
	}
	return err
}

// redisLine names the Redis, and says when it can't be used; why stands in the log.
func (a *App) redisLine(ctx context.Context) string {
	if a.cache.Usable(ctx) != nil {
		return a.stores.redisSource + " (away; see the log)"
	}
	return a.stores.redisSource
}

// demoKey is the API key of the demo merchant, kept beside the private database. It is looked for once.
func (a *App) demoKey(ctx context.Context) (_ string, err error) {
	if a.demo.key == "" {
		a.demo.key, err = a.findDemoKey(ctx)
	}
	return a.demo.key, err
}

func (a *App) findDemoKey(ctx context.Context) (string, error) {
	path := filepath.Join(a.Config.DataDir, "demo.key")
	merchants := repository.NewMerchants(a.db.GORM())
	if kept, err := os.ReadFile(path); err == nil { //nolint:gosec // the operator's own folder
		key := strings.TrimSpace(string(kept))
		_, err := a.APIKeys.Authenticate(ctx, key, func() error { return nil })
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
	_, key, err := merchants.IssueKey(ctx, merchant.ID, models.KeyTerms{Name: "demo", Live: !a.Config.ProviderSimulated()})
	if err != nil {
		return "", fmt.Errorf("make the demo key for %s: %w", models.FormatID(models.PrefixMerchant, merchant.ID), err)
	}
	return key, keep(path, key+"\n")
}
