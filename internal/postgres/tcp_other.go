//go:build !linux

package postgres

import (
	"net"
	"time"
)

// noticeDeadPeers has the kernel probe a connection that is idle.
func noticeDeadPeers(c net.Conn) {
	if tcp, isTCP := c.(*net.TCPConn); isTCP {
		_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3})
	}
}
