//go:build unix

package demo

import (
	"syscall"

	"github.com/payonce/payonce/internal/embedded"
)

func freezeProcess(p *embedded.Process) error { return p.Signal(syscall.SIGSTOP) }
func thawProcess(p *embedded.Process) error   { return p.Signal(syscall.SIGCONT) }
