package postgres

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// noticeDeadPeers has the kernel end a connection whose other side is gone: probes of an
// idle one, and bytes that were sent, are to be acknowledged within seconds.
func noticeDeadPeers(c net.Conn) {
	tcp, isTCP := c.(*net.TCPConn)
	if !isTCP {
		return
	}
	// What can't be set leaves the system's longer times.
	_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3})
	if raw, err := tcp.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(sendWithin.Milliseconds()))
		})
	}
}
