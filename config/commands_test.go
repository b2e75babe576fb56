package config_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/payonce/payonce/config"
)

func TestEveryCommandOfTheContractIsUnderstood(t *testing.T) {
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
		"merchant key revoke key_1":               &config.KeyRevoke{KeyID: "key_1"},
		"migrate":                                 &config.Migrate{Direction: "up"},
		"migrate down":                            &config.Migrate{Direction: "down"},
		"migrate status":                          &config.Migrate{Direction: "status"},
		"simulator --addr :7 --data-dir /book":    &config.Simulator{Addr: ":7", DataDir: "/book", LogFormat: "json"},
		"demo":                                    &config.Demo{},
		"demo --json":                             &config.Demo{JSON: true},
		"naive":                                   &config.Naive{},
		"healthcheck":                             &config.Healthcheck{},
		"version":                                 &config.Version{},
	}
	for line, want := range tests {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			got, err := parse(t, nil, strings.Fields(line)...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreTypes(config.Config{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheSimulatorIgnoresTheServicesAddressAndFolder(t *testing.T) {
	t.Parallel()
	got, err := parse(t, map[string]string{"ADDR": ":1", "DATA_DIR": "/service"}, "simulator")
	if err != nil {
		t.Fatal(err)
	}
	simulator, ok := got.(*config.Simulator)
	if !ok || simulator.Addr != "127.0.0.1:9090" || strings.HasPrefix(simulator.DataDir, "/service") {
		t.Errorf("got %+v", got)
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
		"serve surplus":                  "surplus",
		"--max-wait=ages":                `MAX_WAIT is "ages"; allowed: a duration from 0s to 1m`,
		"--payonce-no-download=perhaps":  "PAYONCE_NO_DOWNLOAD",
		"simulator --addr nowhere":       "nowhere",
		"merchant list --json=perhaps":   "--json",
		"merchant create --name":         "--name",
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

func TestHelpOfTheOtherCommandsShowsOnlyTheStoresSettings(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	_, err := config.Parse([]string{"merchant", "create", "--help"}, func(string) string { return "" }, &out, io.Discard)
	if !errors.Is(err, config.ErrHelp) {
		t.Fatal(err)
	}
	if help := out.String(); !strings.Contains(help, "DATABASE_URL") || strings.Contains(help, "RATE_LIMIT") {
		t.Errorf("help:\n%s", help)
	}
}
