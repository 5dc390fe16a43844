package main

import (
	"fmt"
	"regexp"
	"strings"
)

// A requested is what a command line says of a request: names and, for each, one value per
// row, parted by commas.
type requested []namedText

type namedText struct{ name, values string }

// beginsName finds the beginning of the next NAME=VALUE after a comma.
var beginsName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_:]*=`)

// add reads NAME=VALUE[,VALUE...][,NAME=VALUE...].
func (r *requested) add(text string) error {
	if !strings.Contains(text, "=") {
		return fmt.Errorf("%q is not NAME=VALUE", text)
	}
	for i, part := range strings.Split(text, ",") {
		if i > 0 && !beginsName.MatchString(part) {
			last := &(*r)[len(*r)-1]
			last.values += "," + part
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		if name == "" {
			return fmt.Errorf("%q has no name before =", part)
		}
		for _, other := range *r {
			if other.name == name {
				return fmt.Errorf("%s comes twice; write its values as %s=1,2", name, name)
			}
		}
		*r = append(*r, namedText{name, value})
	}
	return nil
}

// Set, String and Type make it a flag.
func (r *requested) Set(text string) error { return r.add(text) }

func (r *requested) String() string { return "" }

// Type is shown in the help.
func (r *requested) Type() string { return "NAME=VALUE,..." }
