package grpcserver

import (
	"context"
	"net"
	"net/http"

	"larder/schema"
)

// A plane is what a port answers. Health checks, and what needs no right, are answered on
// every port.
type plane int

const (
	anyPlane  plane = iota // of a port: both; of a rule: by its right
	dataPlane              // features, scores, events
	controlPlane
	bothPlanes
)

// A portOf is the listener of a port that answers one plane.
type portOf struct {
	net.Listener
	plane plane
}

// DataPlane returns a listener for Serve or ServeHTTP whose port answers features, scores,
// events and health checks, and nothing else.
func DataPlane(l net.Listener) net.Listener { return portOf{l, dataPlane} }

// ControlPlane returns a listener whose port answers everything but features, scores and
// events.
func ControlPlane(l net.Listener) net.Listener { return portOf{l, controlPlane} }

// plane returns the plane that a rule's method or path is of; bothPlanes where it is of none.
func (r *rule) plane() plane {
	switch {
	case r.at != anyPlane:
		return r.at
	case r.right == Public || r.right == Any:
		return bothPlanes
	case r.right == Read || r.right == Score:
		return dataPlane
	}
	return controlPlane
}

// answers reports whether the port of a connection answers what has a rule.
func (c *conn) answers(r *rule) bool {
	if c == nil || c.plane == anyPlane || r == nil {
		return true
	}
	p := r.plane()
	return p == bothPlanes || p == c.plane
}

// callHere refuses an RPC of the other plane.
func callHere(ctx context.Context, m *method) *failure {
	if f := framesOf(ctx); f == nil || f.conn.answers(m.rule) {
		return nil
	}
	return failureOf(schema.UnknownMethod.Errorf("there is no %s at this port; the server has its control plane at a port of its own (--control-addr)", m.name))
}

// pathHere refuses an HTTP request of the other plane.
func pathHere(r *http.Request, rule *rule) *failure {
	if connOf(r.Context()).answers(rule) {
		return nil
	}
	return failureOf(schema.UnknownPath.Errorf("there is no %s %s at this port; the server has its control plane at a port of its own (--control-http-addr)", schema.CutName(r.Method), schema.CutName(r.URL.Path)))
}
