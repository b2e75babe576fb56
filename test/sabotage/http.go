package main

// requests has the mistakes between the socket and the engine.
func requests() []sabotage {
	const plain = "middleware/plain.go"
	return []sabotage{
		{
			name:   "the body re-encoded on replay",
			breaks: "a copy gets other bytes than the first: a client that compares or verifies them is lost",
			edits: []edit{
				{
					"middleware/idempotency.go", `c.Writer.WriteHeader(out.Response.Status)`,
					`if decoded := any(nil); out.Replayed() && json.Unmarshal(out.Response.Body, &decoded) == nil {
						out.Response.Body, _ = json.Marshal(decoded)
					}
					c.Writer.WriteHeader(out.Response.Status)`,
				},
				{"middleware/idempotency.go", `	"errors"`, "\t\"encoding/json\"\n\t\"errors\""},
			},
			caught: catch{"middleware", "TestAPlainHandlerRunsOnceAndIsReplayed", "again: "},
		},
		{
			name:   "the socket written before the commit",
			breaks: "a client has a success in its hands whose COMMIT fails",
			edits:  []edit{{plain, `c.Writer, c.Request = w, c.Request.WithContext(ctx)`, `c.Request = c.Request.WithContext(ctx)`}},
			caught: catch{"middleware", "TestNothingOfAProtectedResponseLeavesBeforeTheCommit", "200 early"},
		},
		{
			name:   "a cookie replayed",
			breaks: "a copy gets the session of the first one's sender",
			edits:  []edit{{plain, `"Content-Language", "Etag"}`, `"Content-Language", "Etag", "Set-Cookie"}`}},
			caught: catch{"middleware", "TestAPlainHandlerRunsOnceAndIsReplayed", "a cookie was stored or sent"},
		},
		{
			name:   "a refusal stored",
			breaks: "a request that was refused for the moment is refused for a day",
			edits:  []edit{{plain, `if !idempotency.Storable(w.status) {`, `if w.status >= 500 {`}},
			caught: catch{"middleware", "TestAStatusThatIsNoOutcomeIsSentAndForgotten", "500 "},
		},
		{
			name: "L1 serving before authentication",
			breaks: "the memory is asked behind the check of the API key, because the merchant comes from it; what can be skipped is " +
				"the look at revocations, and then a revoked key gets replays",
			edits:  []edit{{"repository/authenticator.go", `if ok && entry.epoch == epoch &&`, `if ok &&`}},
			caught: catch{".", "TestARevokedKeyIsRefusedWithinASecondAlsoOnReplays", "still accepted: 201"},
		},
	}
}
