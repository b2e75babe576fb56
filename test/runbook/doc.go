// Package runbook does what docs/runbook.md tells operators to do, and looks at what it tells them to look at. It holds
// tests only.
package runbook
