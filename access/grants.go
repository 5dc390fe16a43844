package access

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"larder/schema"
)

// Grants are what one identity may do. They don't change.
type Grants struct {
	actions map[Action]*scope
	roles   []string

	// Priority is the highest that its requests may claim, as schema.Priorities has them.
	Priority string
	// RequestsPerSecond and RowsPerSecond bound what it may ask for; 0: no bound.
	RequestsPerSecond, RowsPerSecond float64
}

// Roles returns the names of the roles that the grants come from, sorted.
func (g *Grants) Roles() []string { return g.roles }

// Allow reports whether an action on a resource is allowed.
func (g *Grants) Allow(action Action, on Resource) bool {
	s := g.actions[action]
	return s != nil && s.covers(on)
}

// AllowSome reports whether an action is allowed on some resources of a kind, or of any
// kind where none is given.
func (g *Grants) AllowSome(action Action, kind Kind) bool {
	s := g.actions[action]
	if s == nil || kind == "" {
		return s != nil
	}
	if s.everything || s.names[kind] != nil || len(s.projects) > 0 {
		return true
	}
	for _, n := range s.narrowed {
		if n[0].some(kind) && n[1].some(kind) {
			return true
		}
	}
	return false
}

// A scope is the union of patterns of resources.
type scope struct {
	everything bool
	server     bool
	names      map[Kind]*names
	projects   map[string]bool
	narrowed   [][2]*scope // both cover what a narrowed role allows
}

// names are the resources of one kind.
type names struct {
	exact    map[string]bool
	prefixes []string // sorted; none begins with another
}

func (s *scope) covers(on Resource) bool {
	if s.everything || on.Kind == "" && s.server {
		return true
	}
	if on.Kind != "" {
		if len(s.projects) > 0 && on.Name != "" && s.projects[schema.ProjectOf(on.Name)] {
			return true
		}
		if n := s.names[on.Kind]; n != nil && n.cover(on) {
			return true
		}
	}
	for _, n := range s.narrowed {
		if n[0].covers(on) && n[1].covers(on) {
			return true
		}
	}
	return false
}

func (s *scope) some(kind Kind) bool {
	return s.everything || s.names[kind] != nil || len(s.projects) > 0
}

// cover reports whether a name, or every name where there is none, is among the names.
func (n *names) cover(on Resource) bool {
	name := on.Name
	if on.Kind == View { // VIEW:FEATURE is of the view
		name, _, _ = strings.Cut(name, ":")
	}
	if n.exact[name] && name != "" {
		return true
	}
	// Only the last prefix that isn't after the name can be its beginning.
	i, found := slices.BinarySearch(n.prefixes, name)
	if found {
		return true
	}
	return i > 0 && strings.HasPrefix(name, n.prefixes[i-1])
}

// add adds a pattern that [schema.CheckResource] accepts.
func (s *scope) add(pattern string) {
	switch pattern {
	case schema.EveryResource:
		s.everything = true
		return
	case schema.ServerResource:
		s.server = true
		return
	}
	kind, name, _ := strings.Cut(pattern, ":")
	if kind == schema.ProjectResource {
		s.projects[name] = true
		return
	}
	n := s.names[Kind(kind)]
	if n == nil {
		n = &names{exact: map[string]bool{}}
		s.names[Kind(kind)] = n
	}
	if prefix, any := strings.CutSuffix(name, "*"); any {
		n.prefixes = append(n.prefixes, prefix)
	} else {
		n.exact[name] = true
	}
}

func newScope(patterns []string) *scope {
	s := &scope{names: map[Kind]*names{}, projects: map[string]bool{}}
	for _, p := range patterns {
		s.add(p)
	}
	return s
}

// settle makes the scope ready to decide.
func (s *scope) settle() {
	for _, n := range s.names {
		slices.Sort(n.prefixes)
		kept := n.prefixes[:0]
		for _, p := range n.prefixes {
			if len(kept) == 0 || !strings.HasPrefix(p, kept[len(kept)-1]) {
				kept = append(kept, p)
			}
		}
		n.prefixes = kept
	}
	for _, n := range s.narrowed {
		n[0].settle()
		n[1].settle()
	}
}

// A grantor adds up the roles of one identity.
type grantor struct {
	actions    map[Action]*scope
	roles      map[string]bool
	priority   int // index in schema.Priorities
	requests   float64
	rows       float64
	unboundedQ bool
	unboundedR bool
}

// give adds a role, narrowed to resources where there are any.
func (g *grantor) give(role *schema.Role, resources []string) {
	g.roles[role.Name] = true
	for _, a := range role.Allow {
		for _, action := range a.Actions {
			s := g.actions[Action(action)]
			if s == nil {
				s = newScope(nil)
				g.actions[Action(action)] = s
			}
			if len(resources) > 0 {
				s.narrowed = append(s.narrowed, [2]*scope{newScope(a.Resources), newScope(resources)})
				continue
			}
			for _, p := range a.Resources {
				s.add(p)
			}
		}
	}
	priority := slices.Index(schema.Priorities, cmp.Or(role.Priority, "default"))
	g.priority = min(g.priority, priority)
	g.requests, g.unboundedQ = max(g.requests, role.RequestsPerSecond), g.unboundedQ || role.RequestsPerSecond == 0
	g.rows, g.unboundedR = max(g.rows, role.RowsPerSecond), g.unboundedR || role.RowsPerSecond == 0
}

func (g *grantor) grants() *Grants {
	out := &Grants{actions: g.actions, roles: slices.Sorted(maps.Keys(g.roles)), Priority: "default"}
	for _, s := range g.actions {
		s.settle()
	}
	if g.priority < len(schema.Priorities) {
		out.Priority = schema.Priorities[g.priority]
	}
	if !g.unboundedQ {
		out.RequestsPerSecond = g.requests
	}
	if !g.unboundedR {
		out.RowsPerSecond = g.rows
	}
	return out
}
