package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"text/tabwriter"
	"time"

	"github.com/payonce/payonce/config"
	"github.com/payonce/payonce/migrations"
	"github.com/payonce/payonce/models"
	"github.com/payonce/payonce/provider/simulator"
	"github.com/payonce/payonce/repository"
)

// withMerchants runs a command on the merchants of an up-to-date schema.
func withMerchants(ctx context.Context, cfg config.Config, log *slog.Logger, run func(*repository.Merchants) error) error {
	return withDatabase(ctx, cfg, log, func(url string) (err error) {
		if err := migrations.Up(ctx, url); err != nil {
			return err
		}
		db, err := repository.Open(url, repository.Options{MaxConns: 2, ExecMode: cfg.DBExecMode, Log: log})
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
		merchant, err := merchants.Create(ctx, c.Name)
		if err != nil {
			return err
		}
		keyID, key, err := merchants.CreateKey(ctx, merchant.ID)
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
		_, err = fmt.Fprintf(out, "merchant  %s  %s\nkey id    %s\nAPI key   %s\n\nThe key is shown this once; only its hash is kept.\n",
			id, merchant.Name, keyID, key)
		return err
	})
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

type listedMerchant struct {
	ID        string      `json:"id"`
	Name      string      `json:"name"`
	CreatedAt time.Time   `json:"created_at"`
	Keys      []listedKey `json:"keys"`
}

type listedKey struct {
	ID      string `json:"key_id"`
	Revoked bool   `json:"revoked"`
}

func listed(all []repository.MerchantKeys) []listedMerchant {
	out := make([]listedMerchant, 0, len(all))
	for _, m := range all {
		one := listedMerchant{models.FormatID(models.PrefixMerchant, m.Merchant.ID), m.Merchant.Name, m.Merchant.CreatedAt.UTC(), []listedKey{}}
		for _, k := range m.Keys {
			one.Keys = append(one.Keys, listedKey{k.ID, k.RevokedAt != nil})
		}
		out = append(out, one)
	}
	return out
}

// CreateKey makes another API key and prints it, this once.
func CreateKey(ctx context.Context, c *config.KeyCreate, log *slog.Logger, out io.Writer) error {
	id, err := models.ParseID(models.PrefixMerchant, c.Merchant)
	if err != nil {
		return fmt.Errorf("--merchant: %w", err)
	}
	return withMerchants(ctx, c.Config, log, func(merchants *repository.Merchants) error {
		keyID, key, err := merchants.CreateKey(ctx, id)
		if err != nil {
			return err
		}
		if c.JSON {
			return json.NewEncoder(out).Encode(map[string]string{"merchant_id": c.Merchant, "key_id": keyID, "api_key": key})
		}
		_, err = fmt.Fprintf(out, "key id    %s\nAPI key   %s\n\nThe key is shown this once; only its hash is kept.\n", keyID, key)
		return err
	})
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

// Migrate moves the schema or shows where it stands.
func Migrate(ctx context.Context, c *config.Migrate, log *slog.Logger, out io.Writer) error {
	return withDatabase(ctx, c.Config, log, func(url string) error {
		switch c.Direction {
		case "down":
			if err := migrations.Down(ctx, url); err != nil {
				return err
			}
		case "up":
			if err := migrations.Up(ctx, url); err != nil {
				return err
			}
		}
		applied, err := migrations.Status(ctx, url)
		if err != nil {
			return err
		}
		return printStatus(out, applied)
	})
}

// Simulate runs the provider's stand-in until the context ends.
func Simulate(ctx context.Context, c *config.Simulator, log *slog.Logger, out, errOut io.Writer) (err error) {
	sim, err := simulator.Open(simulator.Config{Dir: c.DataDir, Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sim.Close()) }()
	listener, err := listen(ctx, "--addr", c.Addr)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/simulator/charges", sim.AdminHandler())
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.Handle("/", sim.Handler())
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	_, _ = fmt.Fprintf(out, "the payment provider's stand-in; its book is in %s\n  charges  http://%s/simulator/charges\n", c.DataDir, listener.Addr())
	_, _ = fmt.Fprintf(errOut, "listening on http://%s\n", listener.Addr())
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return server.Close() // it has calls that wait on purpose; nobody waits for them
	}
}

// healthTimeout bounds how long a health check may take.
const healthTimeout = 3 * time.Second

// CheckHealth asks a running service whether it is ready.
func CheckHealth(ctx context.Context, cfg config.Config) error {
	host, port, err := net.SplitHostPort(cfg.Addr)
	if err != nil {
		return fmt.Errorf("ADDR %s: %w", cfg.Addr, err)
	}
	if host == "" || net.ParseIP(host).IsUnspecified() {
		host = "127.0.0.1"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Timeout: healthTimeout}).Do(req)
	if err != nil {
		return fmt.Errorf("not ready: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: /readyz answered %d", resp.StatusCode)
	}
	return nil
}

// Version prints the version that the binary was built from: the one that the linker was told, else the module's.
func Version(out io.Writer, version string) error {
	revision := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		version = cmp.Or(version, info.Main.Version)
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = " " + s.Value
			}
		}
	}
	_, err := fmt.Fprintf(out, "payonce %s%s\n", cmp.Or(version, "(unknown)"), revision)
	return err
}
