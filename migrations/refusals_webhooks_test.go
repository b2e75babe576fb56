package migrations_test

func webhookRefusals() []refusal {
	endpoint := func(changes ...string) string { return insert("webhook_endpoints", changes...) }
	delivery := func(changes ...string) string { return insert("webhook_deliveries", changes...) }
	return []refusal{
		{by: "webhook_endpoints_pkey", sql: endpoint("id", "u(80)")},
		{by: "webhook_endpoints_merchant_fk", sql: endpoint("merchant_id", "u(2)")},
		{by: "webhook_endpoints_url", sql: endpoint("url", "''")},
		{by: "webhook_endpoints_url", sql: endpoint("url", "repeat('x', 2049)")},
		{by: "webhook_endpoints_events", sql: endpoint("events", "'{}'")},
		{by: "webhook_endpoints_events", sql: endpoint("events", "'{NULL}'")},
		{by: "webhook_endpoints_events", sql: endpoint("events", `'{"a,b"," "}'`)},
		{by: "webhook_endpoints_events", sql: endpoint("events", "array_fill('a.b'::text, ARRAY[65])")},
		{by: "webhook_endpoints_description", sql: endpoint("description", "''")},
		{by: "webhook_endpoints_description", sql: endpoint("description", "repeat('x', 501)")},
		{by: "webhook_endpoints_reason", sql: endpoint("enabled", "false", "disabled_reason", "'bored'")},
		{by: "webhook_endpoints_disabled", sql: endpoint("enabled", "false")},
		{by: "webhook_endpoints_disabled", sql: endpoint("disabled_reason", "'gone'")},
		{by: "webhook_endpoints_rotation", sql: endpoint("previous_secret", "'s'")},
		{by: "webhook_endpoints_rotation", sql: endpoint("previous_secret_until", "now()")},
		{by: "webhook_endpoints_deleted", sql: endpoint("secret", "NULL")},
		{by: "webhook_endpoints_deleted", sql: endpoint("enabled", "false", "disabled_reason", "'by_merchant'", "deleted_at", "now()")},
		{by: "webhook_endpoints_deleted", sql: endpoint("secret", "NULL", "deleted_at", "now()")},
		{by: "webhook_deliveries_pkey", sql: delivery("id", "u(82)")},
		{by: "webhook_deliveries_once", sql: delivery("event_id", "u(70)")},
		{by: "webhook_deliveries_event_fk", sql: delivery("event_id", "u(72)")},
		{by: "webhook_deliveries_endpoint_fk", sql: delivery("endpoint_id", "u(81)")},
		{by: "webhook_deliveries_status", sql: delivery("status", "'lost'", "next_attempt_at", "NULL", "finished_at", "now()")},
		{by: "webhook_deliveries_attempts", sql: delivery("attempts", "-1")},
		{by: "webhook_deliveries_body", sql: delivery("response_body", "repeat('x', 4097)")},
		{by: "webhook_deliveries_driven", sql: delivery("next_attempt_at", "NULL")},
		{by: "webhook_deliveries_driven", sql: delivery("status", "'delivered'", "finished_at", "now()")},
		{by: "webhook_deliveries_finished", sql: delivery("finished_at", "now()")},
		{by: "webhook_deliveries_finished", sql: delivery("status", "'delivered'", "next_attempt_at", "NULL")},
	}
}
