// Package chaos lets two replicas of the real service work while everything around them fails by a seeded plan, and
// checks afterwards that the promise was kept ([github.com/payonce/payonce/test/check]).
//
//	go test ./test/chaos -run TestSoak -count=1 -v -timeout 2h -args -for=60s -seed=1 -rate=300
//
// The plan (which fault, when, where, how long) follows from the seed; what the clients do follows from it, too, as far as
// the answers do. The rest is up to the machine, so a seed repeats a climate, not a day.
package chaos
