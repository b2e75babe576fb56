//go:build unix

package demo

import (
	"syscall"

	"github.com/payonce/payonce/embedded"
)

func freezeProcess(p *embedded.Process) error { return p.Signal(syscall.SIGSTOP) }
func thawProcess(p *embedded.Process) error   { return p.Signal(syscall.SIGCONT) }
