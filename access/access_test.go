package access_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"larder/access"
	"larder/schema"
)

// covers is the slow, obvious oracle of one pattern.
func covers(pattern string, on access.Resource) bool {
	switch pattern {
	case "*":
		return true
	case "server":
		return on == access.Resource{}
	}
	kind, name, _ := strings.Cut(pattern, ":")
	if kind == "project" {
		project := "default"
		if p, _, found := strings.Cut(on.Name, "/"); found {
			project = p
		}
		return on.Kind != "" && on.Name != "" && project == name
	}
	if kind != string(on.Kind) {
		return false
	}
	if on.Kind == access.View {
		on.Name, _, _ = strings.Cut(on.Name, ":")
	}
	if strings.HasSuffix(name, "*") {
		return strings.HasPrefix(on.Name, strings.TrimSuffix(name, "*"))
	}
	return on.Name == name
}

// Grants decide as the oracle does: some role of the caller allows the action on a pattern
// that covers the resource, and the binding is not narrower.
func TestGrantsAgreeWithOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	letters := []string{"a", "ab", "abc", "b", "ba", "risk/a", "risk/ab", "r", "rb"}
	kinds := []access.Kind{access.Model, access.View, access.Stream, ""}
	pattern := func() string {
		switch r.IntN(10) {
		case 0:
			return "*"
		case 1:
			return "server"
		case 2:
			return "project:" + []string{"risk", "default", "other"}[r.IntN(3)]
		}
		p := string(kinds[r.IntN(3)]) + ":" + letters[r.IntN(len(letters))]
		if r.IntN(2) == 0 {
			p += "*"
		}
		if r.IntN(8) == 0 {
			p = string(kinds[r.IntN(3)]) + ":*"
		}
		return p
	}
	some := func(n int, f func() string) (out []string) {
		for range n {
			out = append(out, f())
		}
		return out
	}
	action := func() string { return schema.Actions[r.IntN(4)] }
	allowed := 0
	for round := range 3000 {
		var roles []schema.Role
		var bindings []schema.Binding
		for i := range 1 + r.IntN(3) {
			role := schema.Role{Name: fmt.Sprintf("r%d", i)}
			for range 1 + r.IntN(2) {
				role.Allow = append(role.Allow, schema.Allowance{Actions: some(1+r.IntN(2), action), Resources: some(1+r.IntN(3), pattern)})
			}
			roles = append(roles, role)
			if r.IntN(3) > 0 {
				b := schema.Binding{Name: fmt.Sprintf("b%d", i), Role: role.Name, Keys: []string{"k"}}
				if r.IntN(2) == 0 {
					b.Resources = some(1+r.IntN(2), pattern)
				}
				bindings = append(bindings, b)
			}
		}
		p := access.NewPolicy(roles, bindings)
		id := access.Identity{Method: access.ByKey, Name: "k"}
		g := p.Grants(id)
		for range 40 {
			a := access.Action(action())
			on := access.Resource{Kind: kinds[r.IntN(4)]}
			if on.Kind != "" && r.IntN(6) > 0 {
				on.Name = letters[r.IntN(len(letters))]
				if on.Kind == access.View && r.IntN(2) == 0 {
					on.Name += ":f"
				}
			}
			want := false
			for _, b := range bindings {
				role := roles[slices.IndexFunc(roles, func(r schema.Role) bool { return r.Name == b.Role })]
				for _, allow := range role.Allow {
					covered := func(patterns []string) bool {
						return slices.ContainsFunc(patterns, func(p string) bool { return covers(p, on) })
					}
					if slices.Contains(allow.Actions, string(a)) && covered(allow.Resources) && (len(b.Resources) == 0 || covered(b.Resources)) {
						want = true
					}
				}
			}
			if got := g.Allow(a, on); got != want {
				t.Fatalf("round %d: %s on %q: got %v, want %v\nroles %+v\nbindings %+v", round, a, on, got, want, roles, bindings)
			}
			if explained, why := p.Explain(id, a, on); explained != want || slices.ContainsFunc(why, func(s string) bool { return strings.HasSuffix(s, " allows it") }) != want {
				t.Fatalf("round %d: %s on %q: explained as %v %q, want %v", round, a, on, explained, why, want)
			}
			if want {
				allowed++
			}
		}
	}
	if allowed < 5000 {
		t.Fatalf("only %d decisions allowed something; the test proves little", allowed)
	}
}

func TestDecisionsAllocateNothing(t *testing.T) {
	g := manyGrants()
	on := access.Resource{Kind: access.Model, Name: "m777x"}
	if n := testing.AllocsPerRun(100, func() {
		if !g.Allow(access.Score, on) {
			t.Fatal("refused")
		}
	}); n != 0 {
		t.Fatalf("a decision allocates %v times", n)
	}
}

func manyGrants() *access.Grants {
	role := schema.Role{Name: "many", Allow: []schema.Allowance{{Actions: []string{"score"}}}}
	for i := range 1000 {
		role.Allow[0].Resources = append(role.Allow[0].Resources, fmt.Sprintf("model:m%d*", i), fmt.Sprintf("model:e%d", i))
	}
	p := access.NewPolicy([]schema.Role{role}, []schema.Binding{{Name: "b", Role: "many", Keys: []string{"k"}}})
	return p.Grants(access.Identity{Method: access.ByKey, Name: "k"})
}

func BenchmarkAllow(b *testing.B) {
	g := manyGrants()
	on := access.Resource{Kind: access.Model, Name: "m777x"}
	b.ReportAllocs()
	for b.Loop() {
		g.Allow(access.Score, on)
	}
}

func TestKeys(t *testing.T) {
	k, text := access.NewKey()
	other, _ := access.NewKey()
	id, secret, ok := access.SplitKey(text)
	if !ok || id != k.ID || !k.Matches(secret) || other.Matches(secret) || k.Matches("") || k.Matches(text) {
		t.Fatalf("key %s: id %q, ok %v", text, id, ok)
	}
	if len(secret) != 52 { // 256 bits, 5 a character
		t.Fatalf("a secret of %d characters", len(secret))
	}
	now := time.Now()
	for want, k := range map[bool][]access.Key{
		true:  {{}, {ExpiresAt: now.Add(time.Second)}},
		false: {{ExpiresAt: now}, {RevokedAt: now.Add(-time.Hour)}, {RevokedAt: now, ExpiresAt: now.Add(time.Hour)}},
	} {
		for i := range k {
			if k[i].Live(now) != want {
				t.Errorf("key %+v: live is %v", k[i], !want)
			}
		}
	}
	for _, text := range []string{"", "lk", "lk_", "lk_a", "Bearer x", "lka_b"} {
		if id, secret, ok := access.SplitKey(text); ok && id != "" && secret != "" {
			t.Errorf("%q is taken as a key", text)
		}
	}
}
