// Package service runs the real binary for tests: as a process of its own, on real stores, against a provider whose
// calls a test can hold, cut and refuse. What is killed here is killed as in production.
//
// A package that uses it says
//
//	func TestMain(m *testing.M) { os.Exit(service.Main(m)) }
package service
