package feast

import (
	"fmt"
	"strings"
)

const maxName = 128

// names gives the definitions of one kind names that Larder takes, each once.
type names struct {
	taken map[string]bool
	last  map[string]int // the number behind the last name that is like one, of those with numbers
}

func newNames(reserved ...string) *names {
	n := &names{taken: map[string]bool{}, last: map[string]int{}}
	for _, name := range reserved {
		n.taken[name] = true
	}
	return n
}

// take returns a name that is like the wanted one and that nothing else has.
func (n *names) take(wanted string) string {
	base := plainName(wanted)
	name := base
	for n.taken[name] {
		n.last[base] = max(n.last[base], 1) + 1
		end := fmt.Sprintf("_%d", n.last[base])
		name = base[:min(len(base), maxName-len(end))] + end
	}
	n.taken[name] = true
	return name
}

// plainName returns a name with only letters, digits and _, which doesn't start with a
// digit.
func plainName(wanted string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_':
			return r
		}
		return '_'
	}, wanted)
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	return name[:min(len(name), maxName)]
}

// renamed takes a name and reports it if it is not the one that Feast has.
func (i *importer) renamed(n *names, kind, wanted string) string {
	name := n.take(wanted)
	if name != wanted {
		do := "ask for it as " + name
		switch kind {
		case kindEntity:
			do = "nothing: only views name it"
		case kindSource:
			do = "nothing, unless rows are pushed to it: push them to " + name
		}
		i.report(kind, wanted, "renamed to "+name+": names are letters, digits and _, and each is there once", do)
	}
	return name
}
