package main

// edges has the mistakes in what is read from a request's address, in what is shown, and at the end of a process.
func edges() []sabotage {
	return []sabotage{
		{
			name:   "a path decoded like a form",
			breaks: "a plus is a space, and a key's look-up shows another key's record",
			edits:  []edit{{"middleware.PathValues", `url.PathUnescape(`, `url.QueryUnescape(`}},
			caught: catch{".", "TestAKeyInAPathIsTheKeysValueInEveryEncoding", "want the record of"},
		},
		{
			name:   "a header's syntax in a path",
			breaks: "a key that begins with a quote can't be looked up, or shows the record of the key within its quotes",
			edits:  []edit{{"handlers.IdempotencyKeys.Get", `idempotency.NewKey(c.Param("key"))`, `idempotency.ParseKey([]string{c.Param("key")})`}},
			caught: catch{".", "TestAKeyInAPathHasNoHeaderSyntax", "want the record of"},
		},
		{
			name:   "an empty filter taken for none",
			breaks: "a client that lost its value is shown everything",
			edits:  []edit{{"handlers.parameters", `if value == "" {`, `if false {`}},
			caught: catch{".", "TestAParameterThatIsEmptyOrRepeatedIsRefusedOnEveryRoute", "want 400"},
		},
		{
			name:   "a burst left out of the announced policy",
			breaks: "more is left than the quota allows",
			edits:  []edit{{"redis.Limit.admission", `quota, window := l.policy()`, `quota, window := l.Requests, l.Per`}},
			caught: catch{".", "TestTheRateLimitsHeadersAgree", "no more left than that"},
		},
		{
			name:   "metadata in the order of jsonb",
			breaks: "a resource has other bytes when it is read than when it was made",
			edits:  []edit{{"wire.NewOrder", `Metadata: metadata(o.Metadata)`, `Metadata: json.RawMessage(o.Metadata)`}},
			caught: catch{"internal/wire", "TestMetadataIsShownSortedByTheBytesOfItsNames", "an order's"},
		},
		{
			name:   "an @ in a database's host let pass",
			breaks: "the end of a password is dialled, and shown as a host that doesn't exist",
			edits:  []edit{{"safeurl.Postgres", `err != nil && !isSocket(host)`, `err != nil && host == ""`}},
			caught: catch{"internal/safeurl", "TestAnAddressThatHoldsAPieceOfAPasswordIsRefusedWithoutShowingIt", "for a host"},
		},
		{
			name:   "a listener that closes with the signal",
			breaks: "requests are refused that a balancer sends before it has looked at /readyz again",
			edits:  []edit{{"app.Serve", `err = a.linger(failed)`, ``}},
			caught: catch{"test/e2e", "TestASignalMakesTheServiceUnreadyBeforeItStopsServing", "serves no more"},
		},
	}
}
