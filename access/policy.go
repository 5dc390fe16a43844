package access

import (
	"fmt"
	"slices"
	"strings"

	"larder/schema"
)

// A Method is how an identity was proved.
type Method string

// The methods.
const (
	ByKey         Method = "key"
	ByCertificate Method = "certificate"
	ByOIDC        Method = "user"
	ByTokenFile   Method = "token" // the token of --token-file: one admin key
)

// An Identity is who a caller has proved to be.
type Identity struct {
	Method Method
	Name   string
	Groups []string // of a user
	Roles  []string // that the key itself carries
}

// String returns METHOD:NAME.
func (id Identity) String() string { return string(id.Method) + ":" + id.Name }

// A Policy holds roles and bindings. It doesn't change.
type Policy struct {
	roles    map[string]*schema.Role
	bindings map[subject][]*schema.Binding
}

// A subject is what a binding names.
type subject struct {
	list string // keys, certificates, users or groups
	name string
}

// NewPolicy returns the policy of valid roles and bindings, with the built-in roles.
func NewPolicy(roles []schema.Role, bindings []schema.Binding) *Policy {
	p := &Policy{roles: map[string]*schema.Role{}, bindings: map[subject][]*schema.Binding{}}
	for _, list := range [][]schema.Role{roles, schema.BuiltInRoles()} {
		for i := range list {
			p.roles[list[i].Name] = &list[i]
		}
	}
	for i := range bindings {
		b := &bindings[i]
		for list, names := range map[string][]string{"keys": b.Keys, "certificates": b.Certificates, "users": b.Users, "groups": b.Groups} {
			for _, name := range names {
				p.bindings[subject{list, name}] = append(p.bindings[subject{list, name}], b)
			}
		}
	}
	return p
}

// Grants returns what an identity may do.
func (p *Policy) Grants(id Identity) *Grants {
	g := grantor{actions: map[Action]*scope{}, roles: map[string]bool{}, priority: len(schema.Priorities)}
	if id.Method == ByTokenFile {
		g.give(p.roles["admin"], nil)
	}
	for _, name := range id.Roles {
		if role := p.roles[name]; role != nil {
			g.give(role, nil)
		}
	}
	for _, b := range p.bound(id) {
		if role := p.roles[b.Role]; role != nil {
			g.give(role, b.Resources)
		}
	}
	return g.grants()
}

// bound returns the bindings that name an identity.
func (p *Policy) bound(id Identity) (all []*schema.Binding) {
	switch id.Method {
	case ByKey:
		all = p.bindings[subject{"keys", id.Name}]
	case ByCertificate:
		all = p.bindings[subject{"certificates", id.Name}]
	case ByOIDC:
		all = slices.Clone(p.bindings[subject{"users", id.Name}])
		for _, group := range id.Groups {
			all = append(all, p.bindings[subject{"groups", group}]...)
		}
	}
	return all
}

// HasRole reports whether a role exists.
func (p *Policy) HasRole(name string) bool { return p.roles[name] != nil }

// Explain says in sentences why an action of an identity on a resource is allowed or not.
func (p *Policy) Explain(id Identity, action Action, on Resource) (allowed bool, why []string) {
	g := p.Grants(id)
	allowed = g.Allow(action, on)
	one := func(role string, resources []string, from string) {
		r := p.roles[role]
		if r == nil {
			why = append(why, fmt.Sprintf("%s: role %s doesn't exist", from, role))
			return
		}
		alone := grantor{actions: map[Action]*scope{}, roles: map[string]bool{}}
		alone.give(r, resources)
		verdict := "doesn't allow it"
		if alone.grants().Allow(action, on) {
			verdict = "allows it"
		}
		why = append(why, fmt.Sprintf("%s: role %s %s", from, role, verdict))
	}
	if id.Method == ByTokenFile {
		one("admin", nil, "the token of --token-file")
	}
	for _, role := range id.Roles {
		one(role, nil, "the key carries it")
	}
	for _, b := range p.bound(id) {
		from := "binding " + b.Name
		if len(b.Resources) > 0 {
			from += " (on " + strings.Join(b.Resources, ", ") + ")"
		}
		one(b.Role, b.Resources, from)
	}
	if len(why) == 0 {
		why = append(why, fmt.Sprintf("no key role and no binding gives %s a role", id))
	}
	if !allowed {
		why = append(why, "a role that allows it: "+schema.OneOf(RolesWith(action)))
	}
	return allowed, why
}

// RolesWith returns the built-in roles that allow an action.
func RolesWith(action Action) (names []string) {
	for _, r := range schema.BuiltInRoles() {
		if slices.Contains(r.Allow[0].Actions, string(action)) {
			names = append(names, r.Name)
		}
	}
	return names
}
