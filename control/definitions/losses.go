package definitions

import (
	"fmt"
	"slices"
	"strings"

	"larder/schema"
)

// AllowAll allows every loss.
const AllowAll = "*"

// maxLosses is how many losses an error lists.
const maxLosses = 20

// refuseLosses returns an error when changes delete a definition, or store the rows of a
// view anew, and its name is not allowed.
func refuseLosses(changes []schema.Change, allowed []string) error {
	if slices.Contains(allowed, AllowAll) {
		return nil
	}
	var names, losses []string
	for _, c := range changes {
		refused := slices.DeleteFunc(slices.Clone(c.Destroys), func(name string) bool { return slices.Contains(allowed, name) })
		if len(refused) > 0 {
			names = append(names, refused...)
			losses = append(losses, loss(c, refused))
		}
	}
	if len(losses) == 0 {
		return nil
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if more := len(losses) - maxLosses; more > 0 {
		losses = append(losses[:maxLosses], fmt.Sprintf("and %d more", more))
	}
	allow := AllowAll
	if len(names) <= maxLosses {
		allow = strings.Join(names, ",")
	}
	return schema.DeletesNotAllowed.Errorf("nothing was applied: this apply deletes or stores anew what was not allowed:\n%s\nif that is meant, allow it: larder apply --allow-delete %s (or --yes), in Python apply(…, allow_delete=[…])",
		strings.Join(losses, "\n"), allow)
}

// loss says what a change loses, as in "model fraud is deleted".
func loss(c schema.Change, names []string) string {
	switch {
	case c.Action == schema.Remove && c.Field == "":
		return withEffect(fmt.Sprintf("%s %s is deleted", c.Noun, c.Name), c.Effect)
	case c.Action == schema.Remove && c.Noun == schema.KindModel:
		return fmt.Sprintf("model %s version %s is deleted", c.Name, strings.TrimPrefix(c.Field, "versions."))
	case len(names) == 1:
		return fmt.Sprintf("the rows of feature view %s are stored anew, because %s %s changes its %s", names[0], c.Noun, c.Name, c.Field)
	}
	return fmt.Sprintf("the rows of feature views %s are stored anew, because %s %s changes its %s", strings.Join(names, ", "), c.Noun, c.Name, c.Field)
}

func withEffect(said, effect string) string {
	if effect == "" {
		return said
	}
	return said + ": " + effect
}
