package faults

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// step is one of S1 to S10 (see the package's comment).
type step int

const (
	s1 step = iota + 1
	s2
	s3
	s4
	s5
	s6
	s7
	s8
	s9
	s10
)

// row is one fault and the steps at which it is made to happen.
type row struct {
	fault  string
	title  string
	steps  []step
	others string // why there is nothing to do at the other steps
	stand  string // what stands in for the real thing, where that can't be had
	kinds  []kind // of requests; nil: payments, and orders where they pass
}

// matrix is every cell that a whole run must hit. A fault without steps is not tested here yet.
func matrix() []row {
	return []row{
		{
			fault: "F1", title: "kill -9 of a replica", kinds: everyKind(), steps: everyStep(),
			stand: "the death of its machine as well: its connections are reset, with what was on its way",
		},
		{
			fault: "F2", title: "Redis refuses connections", steps: []step{s2, s9},
			others: "Redis is asked at S2 and told at S9, and nowhere else",
		},
		{
			fault: "F3", title: "Redis accepts and never answers", steps: []step{s2, s9},
			others: "as F2",
		},
		{fault: "F4", title: "Redis flushed and restarted", steps: everyStep()},
		{
			fault: "F5", title: "Redis loses writes, two primaries", steps: everyStep(),
			stand: "each replica on a Redis of its own, and one that comes back empty: what a failover's two sides look like",
		},
		{
			fault: "F6", title: "Redis full, evicting, read-only, loading", steps: []step{s2, s9},
			others: "as F2", stand: "a server that answers LOADING to every command, as Redis does while it reads its file",
		},
		{
			fault: "F7", title: "Redis did it, its reply is lost", steps: []step{s2, s9},
			others: "as F2",
		},
		{
			fault: "F8", title: "Redis returns a wrong value", steps: []step{s2},
			others: "values are read at S2 only",
		},
		{fault: "F9", title: "Postgres crashes and restarts", kinds: everyKind(), steps: everyStep()},
		{
			fault: "F10", title: "Postgres slow: locks, IO", steps: []step{s1, s3, s4, s7, s8},
			others: "S2, S5, S6, S9, S10 don't ask Postgres",
			stand:  "a proxy that delays what Postgres says, in place of a slow disk",
		},
		{
			fault: "F11", title: "out of connections", steps: []step{s1, s3, s7},
			others: "S4 and S8 have a connection already; S2, S5, S6, S9, S10 need none",
		},
		{
			fault: "F12", title: "Postgres read-only", steps: everyStep(),
			stand: "default_transaction_read_only in place of a standby: the same refusals",
		},
		{
			fault: "F13", title: "failover that lost acknowledged commits", steps: everyStep(),
			stand: "an earlier copy of the data folder, recovered onto a new timeline: what a promoted standby that lagged has",
		},
		{
			fault: "F14", title: "network cut before bytes leave", kinds: everyKind(), steps: []step{s1, s2, s3, s4, s5, s7, s8, s9, s10},
			others: "at S6 the bytes are the provider's answer: F15",
			stand:  "proxies that reset connections at a chosen message, in place of cables; so at F15 and F16",
		},
		{
			fault: "F15", title: "cut after the peer acted, reply lost", kinds: everyKind(), steps: []step{s2, s3, s4, s6, s8, s9, s10},
			others: "at S1 no peer has acted; the provider acts at S6; T2 is one batch, whose reply is COMMIT's: S8",
		},
		{
			fault: "F16", title: "reset in the middle of the response", steps: []step{s2, s3, s4, s6, s8, s9, s10},
			others: "as F15",
		},
		{fault: "F17", title: "the client hangs up", kinds: everyKind(), steps: everyStep()},
		{
			fault: "F18", title: "provider timeout, not charged", kinds: outside(), steps: []step{s5},
			others: "it is a fault of the call on its way",
		},
		{
			fault: "F19", title: "provider timeout, charged", kinds: outside(), steps: []step{s6},
			others: "it is a fault of the provider's answer",
		},
		{
			fault: "F20", title: "provider 5xx, garbage, wrong amount, 50 MB", kinds: outside(), steps: []step{s6},
			others: "as F19",
			stand:  "a server before the simulator that says something else; the simulator stands for the provider everywhere",
		},
		{fault: "F21", title: "provider declines", steps: []step{s6}, others: "as F19"},
		{
			fault: "F22", title: "provider forgets keys", steps: []step{s5, s6},
			others: "it shows when an unanswered call is looked up: not charged (S5) or charged (S6)",
			stand:  "RESEND_MAX_AGE 0: the provider's window is over as soon as it began",
		},
		{
			fault: "F23", title: "a replica's clock an hour off", steps: everyStep(),
			stand: "builds whose time.Now is an hour early and an hour late; the monotonic clock is the machine's",
		},
		{
			fault: "F24", title: "Postgres's clock jumps", steps: everyStep(),
			stand: "now() and clock_timestamp() in a schema before pg_catalog, moved by an hour while all is held",
		},
		{
			fault: "F25", title: "Postgres's disk full", steps: everyStep(),
			stand: "a small file system in memory: ENOSPC is the kernel's own",
		},
		{fault: "F26", title: "stdout blocked, log disk full", steps: everyStep()},
		{fault: "F27", title: "SIGTERM with requests in flight", kinds: everyKind(), steps: everyStep()},
		{fault: "F28", title: "SIGSTOP beyond the lease, then SIGCONT", kinds: everyKind(), steps: everyStep()},
		{fault: "F29", title: "2-500 copies at once over 2 replicas", kinds: everyKind(), steps: everyStep()},
		{fault: "F30", title: "same key, other body, at once", steps: everyStep()},
		{
			fault: "F31", title: "deadlock or serialization failure", kinds: everyKind(), steps: []step{s3, s4, s7, s8},
			others: "only a transaction's statements (S3, S7) and COMMIT (S4, S8) can lose a race",
			stand:  "triggers that raise 40001 and 40P01 so many times, beside one real deadlock",
		},
		{
			fault: "F32", title: "panic in a handler", steps: []step{s1, s2, s3, s4, s5, s6, s7, s9, s10},
			others: "T2's COMMIT is one call of a library: before it is S7, after it S9",
		},
		{fault: "F33", title: "cleanup at any moment", steps: everyStep()},
		{
			fault: "F34", title: "old and new version at once", steps: everyStep(),
			stand: "the new version is this one with another format of values in Redis and a migration more",
		},
		{fault: "F35", title: "Redis and Postgres both down", steps: everyStep()},
		{
			fault: "F36", title: "a part of a batch arrives, the rest never", steps: []step{s3, s4, s7, s8},
			others: "only transactions are sent in batches; those of recovery and cleanup are cut in idempotency/postgres/stuck_test.go",
			stand:  "a proxy that keeps the server's connection open, in place of a network that drops packets",
		},
		{
			fault: "F37", title: "provider shows a state on the way", steps: []step{s5, s6},
			others: "it shows when a call on its way (S5), or one that wasn't answered (S6), is looked up",
		},
		{
			fault: "F38", title: "provider's list too long, or failing", steps: []step{s5, s6},
			others: "the list is read when an unanswered call is looked up: not charged (S5) or charged (S6)",
			stand:  "15,000 declined intents of the same seconds",
		},
		{
			fault: "F39", title: "the database's own defaults", steps: []step{s3, s4, s7, s8},
			others: "they don't depend on it; each default by itself, and what is refused at start: idempotency/postgres/session",
		},
		{
			fault: "F40", title: "a stricter release takes over", steps: everyStep(),
			stand: "the stricter release is this one with a rule more, and another computation of fingerprints",
		},
		{fault: "F41", title: "the client gives up on a key", steps: everyStep(), kinds: everyKind()},
		{
			fault: "F42", title: "webhooks: sender, receiver or a store dies", steps: []step{s4, s5, s6, s9},
			others: "a delivery is claimed (S4), sent (S5), answered (S6) and recorded (S9); receivers that hang, lie and redirect: notifications",
		},
	}
}

func everyStep() []step { return []step{s1, s2, s3, s4, s5, s6, s7, s8, s9, s10} }

func TestReadmeCountsTheFaultsOfTheMatrix(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("%d faults (crashes", len(matrix())); !strings.Contains(string(readme), want) {
		t.Errorf("README.md does not say %q", want)
	}
}
