// Package resolution measures how long an outcome stays unknown: from the 202 that a client gets until the operation is known to
// have succeeded, for each operation and each fault of the provider's after which that can be found out.
//
//	go test ./test/resolution -count=1 -v -args -each=50
//
// All settings are the defaults but PROVIDER_TIMEOUT, which is how long it takes until the 202: it doesn't count. No client
// reads the payments meanwhile, which would make checks come sooner. Both times are PostgreSQL's.
package resolution
