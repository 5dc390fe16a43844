package main

import (
	"fmt"
	"net"

	"larder/internal/grpcserver"
)

// A port is an address to listen on, and the flag that names it.
type port struct{ flag, addr string }

// listen listens on the port of both planes or, where the control plane has a port of its
// own, on one for each.
func listen(what string, main, control port) (listeners []net.Listener, err error) {
	open := func(p port) (net.Listener, error) {
		l, err := net.Listen("tcp", p.addr)
		if err != nil {
			for _, l := range listeners {
				l.Close()
			}
			return nil, fmt.Errorf("listen for %s: %w; give another --%s", what, err, p.flag)
		}
		return l, nil
	}
	first, err := open(main)
	if err != nil {
		return nil, err
	}
	if control.addr == "" {
		return []net.Listener{first}, nil
	}
	listeners = append(listeners, grpcserver.DataPlane(first))
	second, err := open(control)
	if err != nil {
		return nil, err
	}
	return append(listeners, grpcserver.ControlPlane(second)), nil
}
