package gateway

import (
	"path/filepath"
	"testing"

	"github.com/payonce/payonce/test/postman"
	"github.com/payonce/payonce/test/receiver"
	"github.com/payonce/payonce/test/service"
)

// The collection is what people try first, also on what compose starts: two replicas behind the gateway, by TLS.
func TestPostmanCollectionPassesThroughTheGateway(t *testing.T) {
	t.Parallel()
	postman.Needs(t)
	w := open(t, 2, map[string]string{"PROVIDER_TIMEOUT": "10s", "IDEMPOTENCY_LEASE": "30s", "WEBHOOK_ALLOW_LOOPBACK": "on"})
	database := w.replicas[0].Options.DatabaseURL
	_, apiKey := service.Merchant(t, database)
	_, otherKey := service.Merchant(t, database)
	postman.Passes(t, postman.Settings{BaseURL: w.gateway.URL(), APIKey: apiKey, OtherAPIKey: otherKey, WebhookURL: receiver.New(t, nil).URL},
		"--ssl-extra-ca-certs", filepath.Join(filepath.Dir(certificate(t)), "ca.crt"))
}
