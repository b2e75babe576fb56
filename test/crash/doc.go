// Package crash kills, stops and freezes the real binary and its stores in the middle of requests, and holds what is
// left to the promise: one effect a key, one answer, nothing stuck. It holds tests only.
package crash
