package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/payonce/payonce/test/needs"
	"github.com/payonce/payonce/test/receiver"
	"github.com/payonce/payonce/test/service"
)

// verifyInJavaScript reads {secret, headers, body} from its standard input, and prints the type of the event, or why it does not verify.
const verifyInJavaScript = `
import { Webhook } from "standardwebhooks";
let text = "";
for await (const part of process.stdin) text += part;
const { secret, headers, body } = JSON.parse(text);
try {
  console.log(new Webhook(secret).verify(body, headers).type);
} catch (e) {
  console.log("refused: " + e.message);
}`

// A receiver that is written in JavaScript verifies what arrives with the library of Standard Webhooks, which is fetched by npm.
func TestADeliveryVerifiesWithTheJavaScriptLibrary(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if output, err := needs.NPM(t, "install", "--prefix", dir, "--no-package-lock", "standardwebhooks@1.1.1"); err != nil {
		needs.Missing(t, "the library can't be fetched by npm: "+err.Error()+"\n"+string(output))
	}
	script := filepath.Join(dir, "verify.mjs")
	if err := os.WriteFile(script, []byte(verifyInJavaScript), 0o600); err != nil {
		t.Fatal(err)
	}
	verify := func(a receiver.Arrival, secret string) string {
		headers := map[string]string{}
		for name := range a.Header {
			headers[strings.ToLower(name)] = a.Header.Get(name)
		}
		in, err := json.Marshal(map[string]any{"secret": secret, "headers": headers, "body": string(a.Body)})
		if err != nil {
			t.Fatal(err)
		}
		node := exec.CommandContext(t.Context(), "node", script)
		node.Stdin = strings.NewReader(string(in))
		output, err := node.CombinedOutput()
		if err != nil {
			t.Fatalf("node: %v\n%s", err, output)
		}
		return strings.TrimSpace(string(output))
	}

	r := receiver.New(t, nil)
	client := service.Start(t, service.Options{Env: map[string]string{"WEBHOOK_ALLOW_LOOPBACK": "on"}}).NewMerchant()
	made := client.Post("/v1/webhook-endpoints", "hook", `{"url":"`+r.URL+`","events":["order.*"]}`)
	service.Wants(t, "the endpoint", made, 201, "")
	endpoint, secret := made.Field("id"), made.Field("secret")
	client.Post("/v1/orders", "first", service.OrderBody)
	service.Until(t, "the event arrives", func() bool { return len(r.All()) == 1 })
	first := r.All()[0]
	if got := verify(first, secret); got != "order.created" {
		t.Errorf("got %q, want the type of the event", got)
	}
	altered := first
	altered.Body = []byte(strings.Replace(string(first.Body), "1999", "1", 1))
	if got := verify(altered, secret); !strings.HasPrefix(got, "refused: ") {
		t.Errorf("an altered body: got %q, want it refused", got)
	}

	rotated := client.Post("/v1/webhook-endpoints/"+endpoint+"/rotate-secret", "rotate", "")
	client.Post("/v1/orders", "second", service.OrderBody)
	service.Until(t, "the second event arrives", func() bool { return len(r.All()) == 2 })
	for which, key := range map[string]string{"the old secret": secret, "the new secret": rotated.Field("secret")} {
		if got := verify(r.All()[1], key); got != "order.created" {
			t.Errorf("%s, while it is rotated: got %q, want the type of the event", which, got)
		}
	}
}
