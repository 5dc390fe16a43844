//go:build !linux

package brokers

import "syscall"

func attributes() *syscall.SysProcAttr { return nil }
