package service

import "syscall"

// attributes lets no service outlive a test binary that was killed.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
