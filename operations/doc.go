// Package operations holds the effects outside the database, one file each: what is written before the provider is
// asked (T1), the call, the look-up after a crash, and what is written when the answer is known (T2).
//
// The same code serves the request that starts an operation, the retry that takes it over, and the recovery that drives
// it to its end without anybody asking. What a provider's answer means is decided in one table, [judge].
package operations
