package main

import "syscall"

// attributes lets no child outlive a benchmark that was killed.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
