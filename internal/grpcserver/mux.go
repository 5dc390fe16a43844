package grpcserver

import (
	"errors"
	"maps"
	"net/http"
	"slices"
)

// A Mux routes HTTP requests by pattern, as [http.ServeMux] does. A handler runs only
// when the caller has the right that the table lists for its pattern. Patterns that
// are not in the table are refused. The zero Mux is ready to use; it must be served
// by a [Server]. Register all handlers before serving.
type Mux struct {
	mux      http.ServeMux
	patterns []string
}

// HandleFunc registers a handler.
func (m *Mux) HandleFunc(pattern string, handler http.HandlerFunc) {
	m.patterns = append(m.patterns, pattern)
	r := httpRules[pattern]
	m.mux.HandleFunc(pattern, func(w http.ResponseWriter, req *http.Request) { guard(w, req, r, handler) })
}

// Mount sends the requests under a pattern to another Mux.
func (m *Mux) Mount(pattern string, other *Mux) {
	m.patterns = append(m.patterns, other.patterns...)
	m.mux.Handle(pattern, other)
}

// ServeHTTP implements [http.Handler].
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.mux.ServeHTTP(w, r) }

// Patterns returns the patterns of all handlers.
func (m *Mux) Patterns() []string { return m.patterns }

// Unruled returns the patterns that are not in the table of rights. The server
// refuses them.
func (m *Mux) Unruled() (patterns []string) {
	for _, pattern := range m.patterns {
		if httpRules[pattern] == nil {
			patterns = append(patterns, pattern)
		}
	}
	return patterns
}

// RuledPaths returns the patterns that are in the table of rights.
func RuledPaths() []string { return slices.Sorted(maps.Keys(httpRules)) }

// guard runs a handler when the caller may make the request.
func guard(w http.ResponseWriter, r *http.Request, rule *rule, handler http.HandlerFunc) {
	rec, ok := w.(*recorder)
	if !ok {
		WriteError(w, errors.New("serve a Mux with a grpcserver.Server"))
		return
	}
	if err := rec.shell.authorize(r.Context(), rule, r); err != nil {
		rec.fail(err)
		return
	}
	if rule.late {
		rec.permit.need(r.Context(), rec.shell, rule)
	}
	handler(w, r)
}

// page serves one of the shell's own pages, which work even when too many requests
// are in flight.
func (s *Server) page(mux *http.ServeMux, pattern string, answer http.Handler) {
	rule := httpRules[pattern]
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		if rule.right == Public {
			answer.ServeHTTP(w, r)
			return
		}
		s.authenticated(w, r, func(w http.ResponseWriter, r *http.Request) {
			if err := s.authorize(r.Context(), rule, r); err != nil {
				failureOf(err).write(w, plainErrors(r))
				return
			}
			answer.ServeHTTP(w, r)
		})
	})
}

// authenticated answers a request with valid credentials and refuses others.
func (s *Server) authenticated(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
	ctx, err := s.authenticate(r.Context(), Credentials{Authorization: r.Header.Values("Authorization")})
	if err != nil {
		s.refuse(failureOf(err)).write(w, plainErrors(r))
		return
	}
	if ctx != r.Context() {
		r = r.WithContext(ctx)
	}
	answer(w, r)
}
