package schema

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// A Role is a list of actions on resources that bindings give to callers.
type Role struct {
	Name  string      `json:"name"`
	Allow []Allowance `json:"allow"`
	// Priority is the highest that requests of its callers may claim; empty: default.
	Priority string `json:"priority,omitempty"`
	// RequestsPerSecond and RowsPerSecond bound what one caller may ask for; 0: no bound.
	RequestsPerSecond float64           `json:"requests_per_second,omitempty"`
	RowsPerSecond     float64           `json:"rows_per_second,omitempty"`
	Description       string            `json:"description,omitempty"`
	Owner             string            `json:"owner,omitempty"`
	Tags              map[string]string `json:"tags,omitempty"`
}

// An Allowance allows each of its actions on each of its resources.
type Allowance struct {
	Actions   []string `json:"actions"`
	Resources []string `json:"resources"`
}

// A Binding gives a role to callers.
type Binding struct {
	Name string `json:"name"`
	Role string `json:"role"`
	// Resources narrow the role: it counts only on what they name too. Empty: no narrowing.
	Resources    []string          `json:"resources,omitempty"`
	Keys         []string          `json:"keys,omitempty"`         // names of API keys
	Certificates []string          `json:"certificates,omitempty"` // SPIFFE ids or subjects of client certificates
	Users        []string          `json:"users,omitempty"`        // of the OIDC provider
	Groups       []string          `json:"groups,omitempty"`       // the same
	Description  string            `json:"description,omitempty"`
	Owner        string            `json:"owner,omitempty"`
	Tags         map[string]string `json:"tags,omitempty"`
}

// Actions are what roles allow, in the order in which help lists them.
var Actions = []string{"read", "read_sensitive", "score", "train", "push", "apply", "promote", "operate", "observe", "forget", "admin"}

// ResourceKinds are the kinds of resources that roles name, as in model:fraud.
var ResourceKinds = []string{"model", "view", "service", "stream", "entity", "dataset", "run", "definitions"}

// Names of resources that are not KIND:NAME.
const (
	EveryResource   = "*"       // everything, the server too
	ServerResource  = "server"  // what is of the whole server, such as its status
	ProjectResource = "project" // project:NAME: all that belongs to a project
)

// Priorities are those that a role may allow, from the highest.
var Priorities = []string{"critical", "default", "batch", "shadow"}

// BuiltInRoles are the roles that every registry has. Definitions can't change them.
func BuiltInRoles() []Role {
	role := func(name string, actions ...string) Role {
		return Role{Name: name, Allow: []Allowance{{Actions: actions, Resources: []string{EveryResource}}}}
	}
	admin := role("admin", Actions...)
	admin.Priority = Priorities[0]
	return []Role{
		role("viewer", "observe"),
		role("scorer", "read", "score"),
		role("scientist", "read", "score", "train", "observe"),
		role("publisher", "read", "score", "push", "apply", "promote", "observe"),
		role("operator", "operate", "observe"),
		admin,
	}
}

// CheckResource says what is wrong with the pattern of a resource; "" when nothing is.
func CheckResource(pattern string) string {
	const forms = `write KIND:NAME as in model:fraud, a beginning as in view:customer_*, project:NAME, server, or * for everything`
	if pattern == EveryResource || pattern == ServerResource {
		return ""
	}
	kind, name, found := strings.Cut(pattern, ":")
	switch {
	case !found || name == "":
		return fmt.Sprintf("%q is not a resource; %s", CutName(pattern), forms)
	case kind != ProjectResource && !slices.Contains(ResourceKinds, kind):
		return fmt.Sprintf("%q is not a kind of resource; %s", CutName(kind), Nearest(CutName(kind), append([]string{ProjectResource}, ResourceKinds...)))
	case strings.Contains(strings.TrimSuffix(name, "*"), "*"):
		return fmt.Sprintf("resource %q has a * that is not at its end; %s", CutName(pattern), forms)
	case len(name) > maxPattern:
		return fmt.Sprintf("resource %q is too long; use at most %d bytes", CutName(pattern), maxPattern)
	}
	return ""
}

const (
	maxPattern = 512
	// mostSubjects bounds the callers of one binding.
	mostSubjects = 1_000
)

func (v *validator) access() {
	roles := map[string]*Role{}
	register(v, "roles", KindRole, v.defs.Roles, func(x *Role) string { return x.Name }, roles)
	register(v, "bindings", KindBinding, v.defs.Bindings, func(x *Binding) string { return x.Name }, map[string]*Binding{})
	names := []string{}
	for _, r := range BuiltInRoles() {
		names = append(names, r.Name)
	}
	for i := range v.defs.Roles {
		r, path := &v.defs.Roles[i], fmt.Sprintf("roles[%d]", i)
		if slices.Contains(names, r.Name) {
			v.addf(path+".name", "role %q is built in and can't be changed; rename yours", r.Name)
		}
		v.role(path, r)
	}
	for name := range roles {
		names = append(names, name)
	}
	for i := range v.defs.Bindings {
		v.binding(fmt.Sprintf("bindings[%d]", i), &v.defs.Bindings[i], names)
	}
}

func (v *validator) role(path string, r *Role) {
	if len(r.Allow) == 0 {
		v.addf(path, "role %q allows nothing; add allow, as in [{actions: [score], resources: [\"model:fraud*\"]}]", r.Name)
	}
	for i, a := range r.Allow {
		at := fmt.Sprintf("%s.allow[%d]", path, i)
		if len(a.Actions) == 0 || len(a.Resources) == 0 {
			v.addf(at, "an allowance of role %q needs actions and resources; write both", r.Name)
		}
		for j, action := range a.Actions {
			if !slices.Contains(Actions, action) {
				v.addf(fmt.Sprintf("%s.actions[%d]", at, j), "%q is not an action; %s", CutName(action), Nearest(CutName(action), Actions))
			}
		}
		v.resources(at+".resources", a.Resources)
	}
	if r.Priority != "" && !slices.Contains(Priorities, r.Priority) {
		v.addf(path+".priority", "%q is not a priority; %s", CutName(r.Priority), Nearest(CutName(r.Priority), Priorities))
	}
	for key, rate := range map[string]float64{"requests_per_second": r.RequestsPerSecond, "rows_per_second": r.RowsPerSecond} {
		if rate < 0 || math.IsNaN(rate) || math.IsInf(rate, 0) {
			v.addf(path+"."+key, "%s must be 0 (no bound) or more; got %v", key, rate)
		}
	}
}

func (v *validator) resources(path string, patterns []string) {
	for i, p := range patterns {
		if fault := CheckResource(p); fault != "" {
			v.addf(fmt.Sprintf("%s[%d]", path, i), "%s", fault)
		}
	}
}

func (v *validator) binding(path string, b *Binding, roles []string) {
	if !slices.Contains(roles, b.Role) {
		v.danglef(path+".role", "binding %q names role %q, which doesn't exist; %s", b.Name, CutName(b.Role), Nearest(CutName(b.Role), roles))
	}
	v.resources(path+".resources", b.Resources)
	subjects := map[string][]string{"keys": b.Keys, "certificates": b.Certificates, "users": b.Users, "groups": b.Groups}
	all := 0
	for key, list := range subjects {
		all += len(list)
		for i, name := range list {
			if name == "" || len(name) > maxPattern {
				v.addf(fmt.Sprintf("%s.%s[%d]", path, key, i), "a caller needs a name of 1 to %d bytes", maxPattern)
			}
		}
	}
	if all == 0 {
		v.addf(path, "binding %q gives its role to nobody; add keys, certificates, users or groups", b.Name)
	}
	if all > mostSubjects {
		v.addf(path, "binding %q has %d callers; use at most %d, or a group", b.Name, all, mostSubjects)
	}
}

// HasAccess reports whether there are roles or bindings.
func (d *Definitions) HasAccess() bool { return len(d.Roles)+len(d.Bindings) > 0 }

// OnlyAccess reports whether there is nothing beside roles and bindings.
func (d *Definitions) OnlyAccess() bool {
	return d.HasAccess() && d.WithAccessOf(&Definitions{}).IsEmpty()
}

// WithAccessOf returns d with the roles and bindings of other definitions.
func (d *Definitions) WithAccessOf(other *Definitions) *Definitions {
	out := *d
	out.Roles, out.Bindings = other.Roles, other.Bindings
	return &out
}
