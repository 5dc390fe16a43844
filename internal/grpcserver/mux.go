package grpcserver

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"larder/internal/openapi"
	"larder/schema"
)

// A Mux routes HTTP requests by pattern, as [http.ServeMux] does. A handler runs only
// when the caller has the right that the table lists for its pattern. Patterns that
// are not in the table are refused, and requests that no pattern fits are told what would.
// The zero Mux is ready to use; it must be served by a [Server]. Register all handlers
// before serving.
type Mux struct {
	mux        http.ServeMux
	routes     []route
	operations []openapi.Operation
	pages      *http.ServeMux // of the server that serves it
}

type route struct {
	pattern string
	handler http.HandlerFunc
}

// Handle registers a handler and what the documentation says of it.
func (m *Mux) Handle(o openapi.Operation, handler http.HandlerFunc) {
	m.operations = append(m.operations, o)
	m.HandleFunc(o.Pattern, handler)
}

// HandleFunc registers a handler that is not in the documentation.
func (m *Mux) HandleFunc(pattern string, handler http.HandlerFunc) {
	if m.routes == nil {
		m.register(route{"/", m.other})
	}
	m.routes = append(m.routes, route{pattern, handler})
	m.register(m.routes[len(m.routes)-1])
}

func (m *Mux) register(r route) {
	rule := httpRules[r.pattern]
	m.mux.HandleFunc(r.pattern, func(w http.ResponseWriter, req *http.Request) { guard(w, req, rule, r.handler) })
}

// Add registers the handlers of another Mux.
func (m *Mux) Add(other *Mux) {
	for _, r := range other.routes {
		m.HandleFunc(r.pattern, r.handler)
	}
	m.operations = append(m.operations, other.operations...)
}

// ServeHTTP implements [http.Handler].
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.mux.ServeHTTP(w, r) }

// other answers requests that no pattern fits. Names of definitions may have a slash, as in
// risk/fraud, which other programs' clients don't escape: if a pattern fits once a slash is part of
// a name, that answers. A path that fits with another method is no such path.
func (m *Mux) other(w http.ResponseWriter, r *http.Request) {
	if m.methodsOf(r) != nil {
		m.notFound(w, r)
		return
	}
	escaped := r.URL.EscapedPath()
	parts := strings.Split(strings.TrimPrefix(escaped, "/"), "/")
	for i := 1; i+1 < len(parts) && len(parts) <= maxPathParts; i++ {
		joined := slices.Concat(parts[:i], []string{parts[i] + "%2F" + parts[i+1]}, parts[i+2:])
		asked := r.Clone(r.Context())
		asked.URL.RawPath = "/" + strings.Join(joined, "/")
		if _, pattern := m.mux.Handler(asked); pattern != "/" && pattern != "" {
			r.URL = asked.URL
			m.mux.ServeHTTP(w, r)
			return
		}
	}
	m.notFound(w, r)
}

// maxPathParts bounds the parts of a path that are tried as names.
const maxPathParts = 12

// notFound says what there is instead of what a request asks for.
func (m *Mux) notFound(w http.ResponseWriter, r *http.Request) {
	if methods := m.methodsOf(r); methods != nil {
		w.Header().Set("Allow", strings.Join(methods, ", "))
		WriteError(w, schema.UnknownMethod.Errorf("there is no %s %s; use %s", schema.CutName(r.Method), schema.CutName(r.URL.Path), strings.Join(methods, " or ")))
		return
	}
	var paths []string
	for _, o := range m.Operations() {
		paths = append(paths, o.URL())
	}
	remedy := "GET / lists the paths"
	if meant := schema.Nearest(schema.CutName(r.URL.Path), paths); strings.HasSuffix(meant, "?") {
		remedy = meant + " " + remedy
	}
	WriteError(w, schema.UnknownPath.Errorf("there is no %s %s; %s", schema.CutName(r.Method), schema.CutName(r.URL.Path), remedy))
}

// methodsOf returns the methods that the path of a request takes.
func (m *Mux) methodsOf(r *http.Request) (methods []string) {
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		other := r.Clone(r.Context())
		other.Method = method
		_, pattern := m.mux.Handler(other)
		if pattern == "/" && m.pages != nil {
			_, pattern = m.pages.Handler(other)
		}
		if pattern != "/" && pattern != "" {
			methods = append(methods, method)
		}
	}
	return methods
}

// Operations returns what the documentation says of all handlers, and of the server's own
// pages.
func (m *Mux) Operations() []openapi.Operation { return append(pageOperations(), m.operations...) }

// Patterns returns the patterns of all handlers.
func (m *Mux) Patterns() (patterns []string) {
	for _, r := range m.routes {
		patterns = append(patterns, r.pattern)
	}
	return patterns
}

// Unruled returns the patterns that are not in the table of rights. The server
// refuses them.
func (m *Mux) Unruled() (patterns []string) {
	for _, pattern := range m.Patterns() {
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
	if f := pathHere(r, rule); f != nil {
		rec.fail(f)
		return
	}
	if err := rec.shell.authorize(r.Context(), rule, r); err != nil {
		rec.fail(err)
		return
	}
	if rule.late {
		rec.permit.need(rec.shell, rule)
	}
	handler(w, r)
}

// authenticated answers a request with valid credentials and refuses others.
func (s *Server) authenticated(w http.ResponseWriter, r *http.Request, answer http.HandlerFunc) {
	from := originOf(r)
	ctx, err := s.authenticate(r.Context(), Credentials{r.Header.Values("Authorization"), s.ofRequest(r)}, r.Header.Values(priorityHeader), from)
	if err != nil {
		s.refused(ctx, from, "", "", failureOf(err)).write(w, formOf(r))
		return
	}
	if ctx != r.Context() {
		r = r.WithContext(ctx)
	}
	answer(w, r)
}
