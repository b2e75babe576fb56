package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/payonce/payonce/test/check"
	"github.com/payonce/payonce/test/service"
	"github.com/payonce/payonce/test/stores"
)

func TestMain(m *testing.M) { os.Exit(stores.Main(m)) }

func TestTheProgramReadsFilesAndFindsWhatIsMissing(t *testing.T) {
	t.Parallel()
	folder, url := t.TempDir(), stores.Database(t)
	merchant, _ := service.Merchant(t, url)
	write := func(name, content string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	opt := options{
		DatabaseURL: url, RedisURL: stores.Redis(t), SameClock: true,
		History: write("history", `{"merchant":"`+merchant+`","key":"k","method":"GET","path":"/v1/orders","request":"r","sent":1,"answered":2,"status":404}`+"\n"),
		Charges: write("charges.json", `{"data":[]}`),
		Faults:  write("faults", `{"kind":"kill","began":1,"ended":2}`+"\n"),
		Log:     []string{write("log", "nothing of note\n")},
	}
	environment := map[string]string{"SECRET_KEY": service.SecretKey, "PROVIDER_SECRET_KEY": "of-the-provider"}
	getenv := func(name string) string { return environment[name] }
	report, err := run(t.Context(), opt, getenv)
	if err != nil || !report.OK() || report.Requests != 1 || report.Faults != 1 || report.LogBytes == 0 {
		t.Fatalf("%v\n%s", err, report)
	}
	if len(report.Skipped) != 1 { // no bound
		t.Errorf("not checked: %q", report.Skipped)
	}
	opt.Log = append(opt.Log, write("leak", "of-the-provider"))
	opt.History = write("history", strings.Replace(`{"merchant":"M","key":"k","method":"POST","path":"/v1/orders","request":"r","sent":1,"answered":2,"status":201}`, "M", merchant, 1))
	if report, err = run(t.Context(), opt, getenv); err != nil || report.Counts[check.Committed] != 1 || report.Counts[check.LogsKeepSecrets] != 1 {
		t.Fatalf("%v\n%s", err, report)
	}
	if text := report.String(); !strings.Contains(text, "VIOLATED 1 times: what was answered is committed") || strings.Contains(text, "of-the-provider") {
		t.Error(text)
	}
}

func TestWhatCantBeReadIsAnError(t *testing.T) {
	t.Parallel()
	url := stores.Database(t)
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.WriteFile(broken, []byte(`{"merchant":"mer_x"`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, opt := range map[string]options{
		"history": {History: broken}, "no history": {History: "/nowhere"}, "charges": {Charges: broken}, "faults": {Faults: broken},
		"log": {Log: []string{"/nowhere"}}, "redis": {RedisURL: "redis://127.0.0.1:1"}, "redis URL": {RedisURL: "http://x"},
	} {
		opt.DatabaseURL = url
		getenv := func(string) string { return service.SecretKey }
		if report, err := run(t.Context(), opt, getenv); err == nil {
			t.Errorf("%s: no error\n%s", name, report)
		}
	}
}
