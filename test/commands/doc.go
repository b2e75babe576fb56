// Package commands runs the service's commands as a person does: what they print, how they end, and what they leave
// running. It holds tests only.
package commands
