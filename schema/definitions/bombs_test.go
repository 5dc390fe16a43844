package definitions_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"larder/schema/definitions"
)

// TestFilesThatTakeLong are refused before the parser sees them: aliases that unfold, lists
// and mappings within each other, and mappings with very many keys.
func TestFilesThatTakeLong(t *testing.T) {
	f := func(want, text string) {
		t.Helper()
		began := time.Now()
		_, err := definitions.Parse([]definitions.File{{Name: "a.yaml", Data: []byte(text)}})
		if took := time.Since(began); err == nil || !strings.Contains(err.Error(), want) || took > time.Minute {
			t.Errorf("%.40q: after %s: got %.300v, want %q", text, took, err, want)
		}
	}
	var laughs, keys strings.Builder
	laughs.WriteString("a0: &a0 [lol, lol]\n")
	for i := 1; i < 60; i++ {
		fmt.Fprintf(&laughs, "a%d: &a%d [*a%d, *a%d]\n", i, i, i-1, i-1)
	}
	const many = 200_000
	keys.WriteString("tags:\n")
	for i := range many {
		fmt.Fprintf(&keys, "  k%d: 1\n", i)
	}
	f("anchors and aliases (& and *) are not supported", laughs.String())
	f("more than 32 nested lists or mappings", strings.Repeat("[", many)+strings.Repeat("]", many))
	f("more than 32 nested lists or mappings", strings.Repeat("{a: ", many))
	f("more than 32 nested lists or mappings", strings.Repeat("- ", many)+"x")
	f("more than 32 nested lists or mappings", strings.Repeat("? ", many)+"x")
	f("more than 5000 keys in one mapping", keys.String())
	f("more than 5000 keys in one mapping", strings.Repeat("k: 1\n", many))
	f("more than 5000 keys in one mapping", strings.Repeat("? k\n", many))
	f("more than 5000 keys in one mapping", "entities:\n- name: e\n  tags:\n"+strings.Repeat("    k: 1\n- name: x\n  tags:\n    ? y\n", 10)+strings.Repeat("    z: 1\n", many))
	// Many definitions have few keys each.
	var list strings.Builder
	list.WriteString("entities:\n")
	for i := range 9_000 {
		fmt.Fprintf(&list, "- name: e%d\n  join_keys:\n  - name: id\n    type: int64\n", i)
	}
	if _, err := definitions.Parse([]definitions.File{{Name: "a.yaml", Data: []byte(list.String())}}); err != nil {
		t.Errorf("9,000 entities: %.300v", err)
	}
	f("use at most", strings.Repeat("---\nentities: [{name: e, join_keys: [{name: id, type: int64}]}]\n", 10_001))
}
