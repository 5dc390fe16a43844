package grpcserver

import (
	"strings"

	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"larder/schema"
)

// Classes of requests. Each has places in flight of its own, so that one that is full
// keeps no other out.
type class int

const (
	dataClass    class = iota // features and scores: Options.MaxInFlight
	controlClass              // controlPlaces
	statusClass               // of the server: statusPlaces beside those of control
	healthClass               // always answered
)

const (
	controlPlaces = 64
	statusPlaces  = 16
)

func classOf(method string) class {
	switch {
	case strings.HasPrefix(method, "/"+healthv1.Health_ServiceDesc.ServiceName+"/"):
		return healthClass
	case method == "/larder.v1.ControlService/GetStatus":
		return statusClass
	case strings.HasPrefix(method, "/larder.v1.ControlService/"), strings.HasPrefix(method, "/arrow.flight."):
		return controlClass
	}
	return dataClass
}

// full reports whether a call would be refused now.
func (s *Server) full(m *method) bool {
	switch m.class {
	case dataClass:
		return s.inFlight.Load() >= int64(s.opts.MaxInFlight)
	case controlClass, statusClass:
		return s.control.Load() >= places(m.class)
	}
	return false
}

func places(c class) int64 {
	if c == statusClass {
		return controlPlaces + statusPlaces
	}
	return controlPlaces
}

// share is how many requests of one connection may be in flight: three quarters of all, so
// that others are answered.
func (s *Server) share() int64 { return int64(s.opts.MaxInFlight - s.opts.MaxInFlight/4) }

// enter counts a request as in flight unless too many are. leave undoes that.
func (s *Server) enter(m *method, c *conn) (refused *failure) {
	all, ofConn := s.count(m, c, 1)
	switch m.class {
	case dataClass:
		if all > int64(s.opts.MaxInFlight) {
			refused = s.tooMany(m)
		} else if ofConn > s.share() {
			refused = failureOf(schema.TooManyInFlight.Errorf(
				"too many requests of one connection in flight (limit %d of %d); retry, use more connections, or raise --max-in-flight", s.share(), s.opts.MaxInFlight))
		}
	case controlClass, statusClass:
		if all > places(m.class) {
			refused = s.tooMany(m)
		}
	}
	if refused != nil {
		s.leave(m, c)
	}
	return refused
}

func (s *Server) leave(m *method, c *conn) { s.count(m, c, -1) }

// count adds to the requests in flight and returns how many there are, and how many of the
// connection.
func (s *Server) count(m *method, c *conn, by int64) (all, ofConn int64) {
	switch m.class {
	case dataClass:
		if c != nil {
			ofConn = c.running.Add(by)
		}
		return s.inFlight.Add(by), ofConn
	case controlClass, statusClass:
		return s.control.Add(by), 0
	}
	return 0, 0
}

func (s *Server) tooMany(m *method) *failure {
	if m.class != dataClass {
		return failureOf(schema.TooManyInFlight.Errorf("too many requests of the control plane in flight (limit %d); retry when one has ended", controlPlaces))
	}
	return failureOf(schema.TooManyInFlight.Errorf("too many requests in flight (limit %d); retry or raise --max-in-flight", s.opts.MaxInFlight))
}
