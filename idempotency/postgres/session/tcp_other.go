//go:build !linux

package session

import "syscall"

// limitSilence does nothing: other systems have no such option, or another one. Each batch has a deadline all the same.
func limitSilence(string, string, syscall.RawConn) error { return nil }
