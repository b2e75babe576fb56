package config_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/payonce/payonce/internal/config"
)

func TestEveryCommandIsUnderstood(t *testing.T) {
	t.Parallel()
	tests := map[string]config.Command{
		"":                                     &config.Serve{},
		"serve":                                &config.Serve{},
		"merchant create --name Shop":          &config.MerchantCreate{Name: "Shop"},
		"merchant create --json --name=Shop":   &config.MerchantCreate{Name: "Shop", JSON: true},
		"merchant list":                        &config.MerchantList{},
		"merchant list --json":                 &config.MerchantList{JSON: true},
		"merchant key create --merchant mer_1": &config.KeyCreate{Merchant: "mer_1"},
		"merchant key create --merchant m --json": &config.KeyCreate{Merchant: "m", JSON: true},
		"merchant key create --merchant m --scopes read,write --expires 90d --name desk": &config.KeyCreate{
			Merchant: "m", Scopes: "read,write", Expires: "90d", Name: "desk",
		},
		"merchant key list":                     &config.KeyList{},
		"merchant key list --merchant m --json": &config.KeyList{Merchant: "m", JSON: true},
		"merchant key revoke key_1":             &config.KeyRevoke{KeyID: "key_1"},
		"migrate":                               &config.Migrate{Direction: "up"},
		"migrate down":                          &config.Migrate{Direction: "down"},
		"migrate status":                        &config.Migrate{Direction: "status"},
		"simulator --addr :7 --data-dir /book":  &config.Simulator{Addr: ":7", DataDir: "/book", LogFormat: "json"},
		"simulator --data-dir /b --public-url http://h:1": &config.Simulator{
			Addr: "127.0.0.1:9090", DataDir: "/b", PublicURL: "http://h:1", LogFormat: "json",
		},
		"reconcile": &config.Reconcile{},
		"reconcile --from 2026-11-01 --to 2026-11-02T03:04:05+01:00 --json": &config.Reconcile{
			From: "2026-11-01", To: "2026-11-02T03:04:05+01:00", JSON: true,
		},
		"listen --api-key k --events payment.*,order.created": &config.Listen{APIKey: "k", Events: "payment.*,order.created"},
		"listen --url http://h:1 --forward http://h:2/hook":   &config.Listen{URL: "http://h:1", Forward: "http://h:2/hook"},

		"demo":        &config.Demo{},
		"demo --json": &config.Demo{JSON: true},
		"naive":       &config.Naive{},
		"healthcheck": &config.Healthcheck{},
		"version":     &config.Version{},
		"--version":   &config.Version{},
		"-v":          &config.Version{},
	}
	for line, want := range tests {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			got, err := parse(t, nil, strings.Fields(line)...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreTypes(config.Config{}), cmpopts.IgnoreUnexported(config.Reconcile{}, config.KeyCreate{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheSimulatorIgnoresTheServicesAddressAndFolder(t *testing.T) {
	t.Parallel()
	got, err := parse(t, map[string]string{"ADDR": ":1", "DATA_DIR": "/service", "SIMULATOR_PUBLIC_URL": "http://h:2"}, "simulator")
	if err != nil {
		t.Fatal(err)
	}
	simulator, ok := got.(*config.Simulator)
	if !ok || simulator.Addr != "127.0.0.1:9090" || strings.HasPrefix(simulator.DataDir, "/service") || simulator.PublicURL != "http://h:2" {
		t.Errorf("got %+v, want its own address and folder, and the public address", got)
	}
}

func TestReconcilesRangeIsADayUnlessItIsNamed(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 29, 15, 4, 5, 6, time.UTC)
	for line, want := range map[string][2]string{
		"reconcile": {"2026-11-28T15:04:05Z", "2026-11-29T15:04:05Z"},
		"reconcile --from 2026-11-01 --to 2026-11-02T03:04:05+01:00": {"2026-11-01T00:00:00Z", "2026-11-02T02:04:05Z"},
		"reconcile --to 2026-11-02":                                  {"2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"},
	} {
		got, err := parse(t, nil, strings.Fields(line)...)
		command, ok := got.(*config.Reconcile)
		if err != nil || !ok {
			t.Fatalf("%s: got %+v, %v", line, got, err)
		}
		from, until := command.Range(now)
		if from.Format(time.RFC3339) != want[0] || until.Format(time.RFC3339) != want[1] {
			t.Errorf("%s: got %s to %s, want %s to %s", line, from, until, want[0], want[1])
		}
	}
}

func TestAWrongCommandLineIsAUsageError(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"--no-such-flag":                 "--no-such-flag",
		"frobnicate":                     "frobnicate",
		"merchant":                       "expected",
		"merchant create":                "--name",
		"merchant key create":            "--merchant",
		"merchant key revoke":            "key-id",
		"migrate sideways":               "sideways",
		"reconcile --from yesterday":     "--from",
		"reconcile --to 2026-02-30":      "--to",
		"serve surplus":                  "surplus",
		"--max-wait=ages":                `MAX_WAIT is "ages"; allowed: a duration from 0s to 1m`,
		"--payonce-no-download=perhaps":  "PAYONCE_NO_DOWNLOAD",
		"simulator --addr nowhere":       "nowhere",
		"merchant list --json=perhaps":   "--json",
		"merchant create --name":         "--name: a value must follow",
		"--addr":                         "--addr: a value must follow",
		"reconcile --from":               "--from: a value must follow",
		"help frobnicate":                "frobnicate",
		"version --addr 127.0.0.1:8080":  "--addr",
		"migrate up down":                "down",
		"merchant create --name a extra": "extra",
	}
	for line, part := range tests {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			_, err := parse(t, nil, strings.Fields(line)...)
			if _, ok := errors.AsType[*config.UsageError](err); !ok || config.ExitCode(err) != 2 {
				t.Fatalf("error %v (%T), want a UsageError", err, err)
			}
			if !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want one line with %q", err, part)
			}
		})
	}
}

func TestEveryCommandHasHelp(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"--help":                     "merchant create",
		"help":                       "merchant create",
		"help merchant":              "key revoke",
		"help serve":                 "--rate-limit",
		"serve --help":               "--rate-limit",
		"merchant --help":            "key revoke",
		"merchant create --help":     "--name",
		"merchant list --help":       "--json",
		"merchant key --help":        "revoke",
		"merchant key create --help": "--merchant",
		"merchant key revoke --help": "<key-id>",
		"migrate --help":             "status",
		"simulator --help":           "--data-dir",
		"demo --help":                "DATABASE_URL, REDIS_URL, PROVIDER_URL",
		"version --help":             "version",
	}
	for line, part := range tests {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			_, err := config.Parse(strings.Fields(line), func(string) string { return "" }, &out, io.Discard)
			if !errors.Is(err, config.ErrHelp) || config.ExitCode(err) != 0 {
				t.Fatalf("error %v, want ErrHelp", err)
			}
			if !strings.Contains(out.String(), part) {
				t.Errorf("help lacks %q:\n%s", part, &out)
			}
		})
	}
}

func TestHelpShowsOnlyTheSettingsThatACommandUses(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]struct{ shown, hidden string }{
		"serve":           {"RATE_LIMIT", "--curl"},
		"merchant create": {"DATABASE_URL", "REDIS_URL"},
		"migrate":         {"DATABASE_URL", "PROVIDER_URL"},
		"reconcile":       {"PROVIDER_SECRET_KEY", "RATE_LIMIT"},
		"archive run":     {"ARCHIVE_DIR", "PROVIDER_URL"},
		"archive find":    {"ARCHIVE_DIR", "REDIS_URL"},
		"listen":          {"DATA_DIR", "DATABASE_URL"},
		"demo":            {"--json", "PG_BIN_DIR"},
		"version":         {"--help", "DATA_DIR"},
	} {
		var out bytes.Buffer
		_, err := config.Parse(append(strings.Fields(line), "--help"), func(string) string { return "" }, &out, io.Discard)
		if !errors.Is(err, config.ErrHelp) {
			t.Fatal(err)
		}
		if help := out.String(); !strings.Contains(help, want.shown) || strings.Contains(help, want.hidden) {
			t.Errorf("help %s: want %s and no %s in\n%s", line, want.shown, want.hidden, help)
		}
	}
}
