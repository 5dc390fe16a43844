package pgdev

import "syscall"

// attributes makes a process run as the account, or as the current user when it is
// nil; Postgres ends (immediate shutdown) when the thread that started it does.
func (a *account) attributes() *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGQUIT}
	if a != nil {
		attributes.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
	return attributes
}
