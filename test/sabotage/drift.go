package main

// drift has mistakes in package idempotency that the model notices: its traces no longer lead through the engine.
func drift() []sabotage {
	left := catch{"test/model", "TestEngineFollowsLongWalksThroughTheModel", "the engine leaves the model"}
	return []sabotage{
		{
			name:   "a call before the claim is known to be committed",
			breaks: "the provider charges for a claim that may have been rolled back, and that others may take",
			edits:  []edit{{"idempotency.Engine.claim", `r = e.resolve(ctx, req)`, `r = result{claim: newRecord(req).claimed(time.Now().Add(e.opt.Lease))}`}},
			caught: left,
		},
		{
			name:   "an inspected record taken for one's own",
			breaks: "a holder whose claim was taken over answers as if it had executed, or completes again",
			edits:  []edit{{"idempotency.Engine.inspect", `case rec.ClaimID != claim.ClaimID || rec.Fence != claim.Fence:`, `case false:`}},
			caught: left,
		},
		{
			name:   "a claim left open after a refused call",
			breaks: "a request that the provider surely did not take keeps its key until recovery comes by",
			edits:  []edit{{"idempotency.Engine.runExternal", `if answer.Refused != nil {`, `if false {`}},
			caught: left,
		},
	}
}
