package config_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/payonce/payonce/internal/config"
)

const (
	secretA = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	secretB = "Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA="
)

func parse(t *testing.T, env map[string]string, args ...string) (config.Command, error) {
	t.Helper()
	getenv := func(name string) string {
		if value, ok := env[name]; ok {
			return value
		}
		return map[string]string{"HOME": "/home/u", "LOCALAPPDATA": "/home/u"}[name]
	}
	return config.Parse(args, getenv, io.Discard, io.Discard)
}

func serve(t *testing.T, env map[string]string, args ...string) config.Config {
	t.Helper()
	command, err := parse(t, env, args...)
	if err != nil {
		t.Fatal(err)
	}
	started, ok := command.(*config.Serve)
	if !ok {
		t.Fatalf("command is %T, want *config.Serve", command)
	}
	return started.Config
}

func TestNothingConfiguredGivesTheDefaults(t *testing.T) {
	t.Parallel()
	got := serve(t, nil)
	want := config.Config{
		Addr: "127.0.0.1:8080", AdminAddr: "127.0.0.1:9091", MaxBodyBytes: 65536, Demo: "on",
		DataDir: got.DataDir, DBMaxConns: 20, DBExecMode: "cache_statement",
		ProviderTimeout: 10 * time.Second, ProviderSettle: 3 * time.Second, ResendMaxAge: 15 * time.Minute, ActionTimeout: time.Hour,
		IdempotencyLease: 30 * time.Second, CompletionBudget: 5 * time.Second,
		IdempotencyRetention: 24 * time.Hour, IdempotencyTombstoneRetention: 8760 * time.Hour,
		RecoveryInterval: 2 * time.Second, CleanupInterval: time.Minute, MaxWait: 10 * time.Second,
		RateLimit:            config.RateLimit{Requests: 100, Per: time.Second, Burst: 200},
		WebhookAllowLoopback: "on", WebhookTimeout: 15 * time.Second, SealResponses: "off",
		OTLPProtocol: "http/protobuf", OTelServiceName: "payonce", OTelSampler: "parentbased_always_on",
		LogLevel: slog.LevelInfo, LogFormat: "json",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got.DataDir == "" {
		t.Error("DataDir is empty although a home folder is known")
	}
}

func TestTracesGoToTheirOwnEndpointOrBelowTheCommonOne(t *testing.T) {
	t.Parallel()
	for want, env := range map[string]map[string]string{
		"":                         nil,
		"http://c:4318/v1/traces":  {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/"},
		"https://c/otlp/v1/traces": {"OTEL_EXPORTER_OTLP_ENDPOINT": "https://c/otlp"},
		"https://t/x":              {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://t/x"},
	} {
		cfg := serve(t, env)
		if got := cfg.TracesURL(); got != want {
			t.Errorf("%v: got %q, want %q", env, got, want)
		}
	}
}

func TestTheDefaultShutdownDelayIsForBalancers(t *testing.T) {
	t.Parallel()
	database := map[string]string{"DATABASE_URL": "postgres://h/d", "SECRET_KEY": secretA}
	for _, test := range []struct {
		env  map[string]string
		args []string
		want time.Duration
	}{
		{nil, nil, 0},
		{database, nil, 5 * time.Second},
		{map[string]string{"SECRET_KEY": secretA}, []string{"--database-url=postgres://h/d"}, 5 * time.Second},
		{map[string]string{"SHUTDOWN_DELAY": "3s"}, nil, 3 * time.Second},
		{nil, []string{"serve", "--shutdown-delay=3s"}, 3 * time.Second},
		{nil, []string{"--shutdown-delay", "5s"}, 5 * time.Second},
		{database, []string{"--shutdown-delay=0s"}, 0},
	} {
		if got := serve(t, test.env, test.args...).ShutdownDelay; got != test.want {
			t.Errorf("%v %v: got %s, want %s", test.env, test.args, got, test.want)
		}
	}
}

func TestTheShutdownDelayIsShortOnATerminalOnly(t *testing.T) {
	t.Parallel()
	env := map[string]string{"DATABASE_URL": "postgres://h/d", "SECRET_KEY": secretA, "HOME": "/home/u"}
	for path, want := range map[string]time.Duration{"/dev/ptmx": 0, os.DevNull: 5 * time.Second, os.Args[0]: 5 * time.Second} {
		stdout, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = stdout.Close() })
		command, err := config.Parse(nil, func(name string) string { return env[name] }, stdout, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if got := command.(*config.Serve).ShutdownDelay; got != want {
			t.Errorf("stdout is %s: got %s, want %s", path, got, want)
		}
	}
}

func TestTheDefaultDataFolderIsTheUsers(t *testing.T) {
	t.Parallel()
	want := "/somewhere/payonce"
	if os.Geteuid() == 0 { // whose home PostgreSQL's user may not enter
		want = "/var/lib/payonce"
	}
	if got := serve(t, map[string]string{"XDG_DATA_HOME": "/somewhere"}).DataDir; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestEveryVariableHasItsNameAndItsFlag(t *testing.T) {
	t.Parallel()
	var got []string
	for _, v := range config.Variables() {
		got = append(got, v.Name)
		if flag := "--" + strings.ToLower(strings.ReplaceAll(v.Name, "_", "-")); v.Flag != flag {
			t.Errorf("%s has the flag %s, want %s", v.Name, v.Flag, flag)
		}
		if v.Help == "" {
			t.Errorf("%s has no help", v.Name)
		}
	}
	want := []string{
		"ADDR", "ADMIN_ADDR", "MAX_BODY_BYTES", "TRUSTED_PROXIES", "DATABASE_URL", "DATABASE_READ_URL", "REDIS_URL", "DATA_DIR", "DB_MAX_CONNS", "DB_EXEC_MODE",
		"SHUTDOWN_DELAY", "DEMO", "PG_BIN_DIR", "PAYONCE_NO_DOWNLOAD", "PAYONCE_DOWNLOAD_URL", "SECRET_KEY", "PROVIDER_URL", "PROVIDER_SECRET_KEY",
		"PROVIDER_WEBHOOK_SECRET", "SIMULATOR_PUBLIC_URL", "PROVIDER_TIMEOUT", "PROVIDER_SETTLE", "RESEND_MAX_AGE", "ACTION_TIMEOUT", "ARCHIVE_DIR", "IDEMPOTENCY_LEASE", "COMPLETION_BUDGET",
		"IDEMPOTENCY_RETENTION", "IDEMPOTENCY_TOMBSTONE_RETENTION", "RECOVERY_INTERVAL", "CLEANUP_INTERVAL", "MAX_WAIT",
		"RATE_LIMIT", "LOG_LEVEL", "LOG_FORMAT", "WEBHOOK_ALLOW_LOOPBACK", "WEBHOOK_TIMEOUT", "SEAL_RESPONSES",
		"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_HEADERS",
		"OTEL_SERVICE_NAME", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG",
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEveryVariableReachesItsField(t *testing.T) {
	t.Parallel()
	got := serve(t, map[string]string{
		"ADDR": ":0", "ADMIN_ADDR": "[::1]:0", "MAX_BODY_BYTES": "2048", "SHUTDOWN_DELAY": "7s", "DEMO": "off", "TRUSTED_PROXIES": "10.0.0.7, 192.168.0.0/24",
		"DATABASE_URL": "postgres://u:p@h/d", "REDIS_URL": "redis+sentinel://h:26379,h2:26379/main", "DATA_DIR": "/d",
		"DB_MAX_CONNS": "5", "DB_EXEC_MODE": "exec", "PG_BIN_DIR": "/pg", "PAYONCE_NO_DOWNLOAD": "1",
		"PAYONCE_DOWNLOAD_URL": "http://u:p@mirror",
		"SECRET_KEY":           secretA + "," + secretB, "PROVIDER_URL": "http://p:9090", "PROVIDER_SECRET_KEY": "sk",
		"SIMULATOR_PUBLIC_URL": "https://s:1", "PROVIDER_TIMEOUT": "500ms", "PROVIDER_SETTLE": "20ms", "RESEND_MAX_AGE": "1m", "ACTION_TIMEOUT": "30m",
		"IDEMPOTENCY_LEASE": "700ms", "COMPLETION_BUDGET": "200ms", "IDEMPOTENCY_RETENTION": "2s",
		"IDEMPOTENCY_TOMBSTONE_RETENTION": "3s", "RECOVERY_INTERVAL": "50ms", "CLEANUP_INTERVAL": "60ms", "MAX_WAIT": "0s",
		"RATE_LIMIT": "90/m,burst=7", "LOG_LEVEL": "WARN", "LOG_FORMAT": "text",
		"WEBHOOK_ALLOW_LOOPBACK": "on", "WEBHOOK_TIMEOUT": "2s", "SEAL_RESPONSES": "on",
		"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://c/v1/traces", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
		"OTEL_EXPORTER_OTLP_HEADERS": "a=b", "OTEL_SERVICE_NAME": "till", "OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.5",
	})
	want := config.Config{
		Addr: ":0", AdminAddr: "[::1]:0", MaxBodyBytes: 2048, ShutdownDelay: 7 * time.Second, Demo: "off", TrustedProxies: "10.0.0.7, 192.168.0.0/24",
		DatabaseURL: "postgres://u:p@h/d", RedisURL: "redis+sentinel://h:26379,h2:26379/main", DataDir: "/d",
		DBMaxConns: 5, DBExecMode: "exec", PGBinDir: "/pg", NoDownload: true, DownloadURL: "http://u:p@mirror",
		SecretKey: config.SecretKeys{ascending(), descending()}, ProviderURL: "http://p:9090", ProviderSecretKey: "sk",
		SimulatorPublicURL: "https://s:1", ProviderTimeout: 500 * time.Millisecond, ProviderSettle: 20 * time.Millisecond,
		ResendMaxAge: time.Minute, ActionTimeout: 30 * time.Minute, IdempotencyLease: 700 * time.Millisecond, CompletionBudget: 200 * time.Millisecond,
		IdempotencyRetention: 2 * time.Second, IdempotencyTombstoneRetention: 3 * time.Second,
		RecoveryInterval: 50 * time.Millisecond, CleanupInterval: 60 * time.Millisecond,
		RateLimit: config.RateLimit{Requests: 90, Per: time.Minute, Burst: 7},
		LogLevel:  slog.LevelWarn, LogFormat: "text",
		WebhookAllowLoopback: "on", WebhookTimeout: 2 * time.Second, SealResponses: "on",
		OTLPEndpoint: "http://c:4318", OTLPTracesEndpoint: "https://c/v1/traces", OTLPProtocol: "http/protobuf", OTLPHeaders: "a=b",
		OTelServiceName: "till", OTelSampler: "traceidratio", OTelSamplerArg: "0.5",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func ascending() []byte {
	key := make([]byte, 32)
	for i := range key {
		key[i] = byte(i)
	}
	return key
}

func descending() []byte {
	key := ascending()
	slices.Reverse(key)
	return key
}

func TestAWrongValueNamesTheVariableTheValueAndWhatIsAllowed(t *testing.T) {
	t.Parallel()
	wrong := map[string][]string{
		"ADDR":                            {"8080", "h:port", "h:70000"},
		"ADMIN_ADDR":                      {"nowhere"},
		"MAX_BODY_BYTES":                  {"1023", "64k", "1048577"},
		"SHUTDOWN_DELAY":                  {"-1s", "5", "11m"},
		"TRUSTED_PROXIES":                 {"gateway", "10.0.0.0/33", "10.0.0.1,", "0.0.0.0/0", "::/0", "fe80::1%eth0", "10.0.0.1:80"},
		"DB_MAX_CONNS":                    {"0", "many", "1001"},
		"DB_EXEC_MODE":                    {"simple"},
		"PAYONCE_NO_DOWNLOAD":             {"perhaps"},
		"PROVIDER_URL":                    {"ftp://h", "http://"},
		"SIMULATOR_PUBLIC_URL":            {"s:1", "ftp://h"},
		"PROVIDER_TIMEOUT":                {"10", "1ms", "6m"},
		"PROVIDER_SETTLE":                 {"-1s"},
		"RESEND_MAX_AGE":                  {"24h"},
		"IDEMPOTENCY_LEASE":               {"soon", "1ms", "14s"},
		"COMPLETION_BUDGET":               {"199ms"},
		"IDEMPOTENCY_RETENTION":           {"0s"},
		"IDEMPOTENCY_TOMBSTONE_RETENTION": {"0s", "23h"},
		"RECOVERY_INTERVAL":               {"0s"},
		"CLEANUP_INTERVAL":                {"25h"},
		"MAX_WAIT":                        {"61s"},
		"RATE_LIMIT":                      {"100", "0/s", "5/h", "5/s,burst=0", "5/s,7", "-1/s"},
		"LOG_LEVEL":                       {"loud"},
		"LOG_FORMAT":                      {"xml"},
	}
	for name, values := range wrong {
		for _, value := range values {
			t.Run(name+"="+value, func(t *testing.T) {
				t.Parallel()
				_, err := parse(t, map[string]string{name: value})
				if err == nil {
					t.Fatal("accepted")
				}
				for _, part := range []string{name + ` is "` + value + `"`, "; allowed: "} {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("error %q lacks %q", err, part)
					}
				}
				if code := config.ExitCode(err); code != 1 {
					t.Errorf("exit code %d, want 1", code)
				}
			})
		}
	}
}

func TestAWrongSecretIsNamedButNotShown(t *testing.T) {
	t.Parallel()
	wrong := map[string]string{
		"SECRET_KEY":           "hunter2",
		"DATABASE_URL":         "mysql://u:hunter2@h/d",
		"REDIS_URL":            "http://u:hunter2@h",
		"PAYONCE_DOWNLOAD_URL": "ftp://u:hunter2@h",
		"PROVIDER_URL":         "ftp://u:hunter2@h",
		"ADDR":                 "postgres://u:hunter2@h/d", // a secret in the wrong place is still one
		"DATA_DIR":             "postgres://u:hunter2@h/d",
		"PG_BIN_DIR":           "redis://:hunter2@h",
		"RATE_LIMIT":           "http://u:hunter2@h",
		"LOG_LEVEL":            "host=h password=hunter2",
		"PROVIDER_TIMEOUT":     "https://h/?key=hunter2",
	}
	for name, value := range wrong {
		for _, args := range [][]string{nil, {"--" + strings.ToLower(strings.ReplaceAll(name, "_", "-")) + "=" + value}} {
			env := map[string]string{name: value}
			if args != nil {
				env = nil
			}
			_, err := parse(t, env, args...)
			if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s: error %v, want one that names it and hides its value", name, err)
			}
		}
	}
}

func TestSettingsThatAreWrongTogetherAreRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		env  map[string]string
		want []string
	}{
		{
			map[string]string{"IDEMPOTENCY_LEASE": "30s", "PROVIDER_TIMEOUT": "28s"},
			[]string{`IDEMPOTENCY_LEASE is "30s"`, "PROVIDER_TIMEOUT", "COMPLETION_BUDGET", "33s"},
		},
		{map[string]string{"DATABASE_URL": "postgres://h/d"}, []string{"SECRET_KEY", "openssl rand -base64 32"}},
		{map[string]string{"PROVIDER_URL": "http://h"}, []string{"PROVIDER_SECRET_KEY", "PROVIDER_URL"}},
		{
			map[string]string{"IDEMPOTENCY_TOMBSTONE_RETENTION": "1h"},
			[]string{"IDEMPOTENCY_TOMBSTONE_RETENTION", "IDEMPOTENCY_RETENTION = 24h"},
		},
	}
	for _, test := range tests {
		_, err := parse(t, test.env)
		if err == nil || config.ExitCode(err) != 1 {
			t.Errorf("%v: error %v, want one with exit code 1", test.env, err)
			continue
		}
		for _, part := range test.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%v: error %q lacks %q", test.env, err, part)
			}
		}
	}
}

func TestCommandsThatOnlyNeedTheStoresDoWithoutTheSecretKey(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"migrate"}, {"merchant", "list"}} {
		if _, err := parse(t, map[string]string{"DATABASE_URL": "postgres://h/d"}, args...); err != nil {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestAFlagBeatsItsVariableEvenAWrongOne(t *testing.T) {
	t.Parallel()
	if got := serve(t, map[string]string{"ADDR": "h:1"}, "--addr", "h:2").Addr; got != "h:2" {
		t.Errorf("Addr = %q, want the flag's h:2", got)
	}
	if got := serve(t, map[string]string{"MAX_WAIT": "ages"}, "serve", "--max-wait=1s").MaxWait; got != time.Second {
		t.Errorf("MaxWait = %v, want the flag's 1s", got)
	}
}

func TestAnEmptyVariableCountsAsNotSet(t *testing.T) {
	t.Parallel()
	if got := serve(t, map[string]string{"ADDR": "", "SECRET_KEY": ""}).Addr; got != "127.0.0.1:8080" {
		t.Errorf("Addr = %q, want the default", got)
	}
}

func TestNeitherLogNorPrintShowsASecret(t *testing.T) {
	t.Parallel()
	cfg := serve(t, map[string]string{
		"DATABASE_URL": "postgres://u:hunter2@h/d", "REDIS_URL": "redis://:hunter2@h", "SECRET_KEY": secretA,
		"PROVIDER_URL": "http://h", "PROVIDER_SECRET_KEY": "hunter2",
	})
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Info("settings", "config", cfg)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("settings", "config", cfg, "serve", &config.Serve{Config: cfg})
	fmt.Fprintf(&out, "%v %+v %#v %s", cfg, &cfg, cfg, cfg.SecretKey)
	key := string(cfg.SecretKey[0])
	for _, secret := range []string{"hunter2", secretA, key, "0x1, 0x2, 0x3", "1 2 3 4 5"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%q is shown in:\n%s", secret, &out)
		}
	}
	for _, shown := range []string{"[redacted]", "127.0.0.1:8080", `"RATE_LIMIT":"100/s,burst=200"`} {
		if !strings.Contains(out.String(), shown) {
			t.Errorf("%q is missing in:\n%s", shown, &out)
		}
	}
}

func FuzzRateLimitReadsWhatItWrites(f *testing.F) {
	for _, seed := range []string{"off", "100/s", "100/m,burst=7", "1/s, burst=1", "0/s", "9999999999999999999/s", "1/h", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		limit, err := config.ParseRateLimit(text)
		if err != nil {
			return
		}
		again, err := config.ParseRateLimit(limit.String())
		if err != nil || again != limit {
			t.Errorf("%q gives %+v, its text %q gives %+v, %v", text, limit, limit, again, err)
		}
	})
}

func TestExitCodeIsZeroForHelpAndOneForAnError(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]int{nil: 0, config.ErrHelp: 0, errors.New("store away"): 1} {
		if got := config.ExitCode(err); got != want {
			t.Errorf("ExitCode(%v) = %d, want %d", err, got, want)
		}
	}
}

func TestEventsAreSentToThisMachineOnlyWhereNothingElseSeesTheServiceOrItIsAskedFor(t *testing.T) {
	t.Parallel()
	const root = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	for name, test := range map[string]struct {
		env  map[string]string
		want string
	}{
		"nothing configured":     {nil, "on"},
		"another loopback":       {map[string]string{"ADDR": "[::1]:0"}, "on"},
		"switched off":           {map[string]string{"WEBHOOK_ALLOW_LOOPBACK": "off"}, "off"},
		"open to the network":    {map[string]string{"ADDR": ":8080"}, "off"},
		"a database of its own":  {map[string]string{"DATABASE_URL": "postgres://h/d", "SECRET_KEY": root}, "off"},
		"a provider of its own":  {map[string]string{"PROVIDER_URL": "https://api.stripe.com", "PROVIDER_SECRET_KEY": "k"}, "off"},
		"asked for, with others": {map[string]string{"DATABASE_URL": "postgres://h/d", "SECRET_KEY": root, "WEBHOOK_ALLOW_LOOPBACK": "on"}, "on"},
	} {
		if got := serve(t, test.env).WebhookAllowLoopback; got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestTheDemoPageIsOnOnlyWhereNothingElseSeesTheService(t *testing.T) {
	t.Parallel()
	const root = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	for name, test := range map[string]struct {
		env      map[string]string
		possible bool
	}{
		"nothing configured":    {nil, true},
		"another loopback":      {map[string]string{"ADDR": "[::1]:0"}, true},
		"open to the network":   {map[string]string{"ADDR": ":8080"}, false},
		"a database of its own": {map[string]string{"DATABASE_URL": "postgres://h/d", "SECRET_KEY": root}, false},
		"a Redis of its own":    {map[string]string{"REDIS_URL": "redis://h:6379"}, false},
		"a provider of its own": {map[string]string{"PROVIDER_URL": "https://api.stripe.com", "PROVIDER_SECRET_KEY": "k"}, false},
		"behind a gateway":      {map[string]string{"TRUSTED_PROXIES": "127.0.0.1"}, false},
	} {
		want := map[bool]string{true: "on", false: "off"}[test.possible]
		if got := serve(t, test.env).Demo; got != want {
			t.Errorf("%s: DEMO is %q, want %q", name, got, want)
		}
		env := map[string]string{"DEMO": "on"}
		maps.Copy(env, test.env)
		_, err := config.Parse(nil, func(name string) string { return env[name] }, io.Discard, io.Discard)
		if refused, ok := errors.AsType[*config.ValueError](err); ok == test.possible || ok && refused.Variable != "DEMO" {
			t.Errorf("%s: with DEMO=on the start says %v; want a refusal: %t", name, err, !test.possible)
		}
		env["DEMO"] = "off"
		if got := serve(t, env).Demo; got != "off" {
			t.Errorf("%s: with DEMO=off it is %q", name, got)
		}
	}
}
