package brokers

import "syscall"

// attributes make a process end with ours.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
