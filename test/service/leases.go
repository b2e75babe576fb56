package service

// ShortLeases are settings under which leases end soon enough to wait for them. The provider's three seconds are long beside what a
// held call takes to be killed, also on a busy machine. more are names and values of further settings, or other values of these.
func ShortLeases(more ...string) map[string]string {
	env := map[string]string{
		"PROVIDER_TIMEOUT": "3s", "COMPLETION_BUDGET": "2s", "IDEMPOTENCY_LEASE": "5s",
		"RECOVERY_INTERVAL": "100ms", "PROVIDER_SETTLE": "200ms",
	}
	for i := 0; i+1 < len(more); i += 2 {
		env[more[i]] = more[i+1]
	}
	return env
}
