package schema

import (
	"fmt"
	"slices"
	"strings"
)

// Effects that several changes share.
const (
	vectorChanges = "the vector changes: models trained on the old one must be retrained"
	orderChanges  = "the order of the vector changes: models trained on the old order must be retrained"
	answersChange = "answers change at once"
	scoresChange  = "scores change at once"
	splitsAnew    = "values of split_by are assigned to versions anew"
)

// onDemandEffect: on-demand views store nothing, so the next request gets new values,
// which differ from those that models were trained on.
func onDemandEffect(c Change, path []string) string {
	switch {
	case len(path) == 3 && path[0] == "features" && (path[2] == "expr" || path[2] == "type"):
		return "computed values change at once: models trained on the old ones must be retrained"
	case len(path) == 3 && path[2] == "default":
		return answersChange
	case len(path) == 2 && path[0] == "request" && c.Action == Add:
		return "requests must send it when an expression reads it"
	}
	return ""
}

// entityEffect: with another key, the stored rows of the entity's views can't be used.
func (d *differ) entityEffect(c Change, path []string) string {
	if len(path) == 0 || path[0] != "join_keys" {
		return ""
	}
	return d.viewsAnew(func(v *FeatureView) bool { return slices.Contains(v.Entities, c.Name) })
}

// sourceEffect: with other time columns, stored and new rows can't be compared. With
// another table, only the rows differ.
func (d *differ) sourceEffect(c Change, path []string) string {
	if len(path) == 0 {
		return ""
	}
	ofSource := func(v *FeatureView) bool { return v.Source == c.Name }
	switch path[0] {
	case "timestamp_field", "created_timestamp_column", "time_zone", "deleted_column":
		return d.viewsAnew(ofSource)
	case "table", "query":
		stay := d.viewNames(func(v *FeatureView) bool { return ofSource(v) && !d.anew[v.Name] && d.storage.view(v.Name) != nil })
		if len(stay) > 0 {
			return rereadEffect(strings.Join(stay, " "))
		}
	}
	return ""
}

func rereadEffect(views string) string {
	return fmt.Sprintf("stored rows stay until their keys are materialized again; larder materialize --full %s reads all rows again", views)
}

func (d *differ) viewEffect(c Change, path []string) string {
	if len(path) == 0 {
		if c.Action == Remove {
			return d.removedRows(c.Name)
		}
		if d.back[c.Name] {
			return "the rows that it had are still kept and answer at once; they are as old as its last materialization"
		}
		return "NOT_FOUND until it is materialized"
	}
	switch path[0] {
	case "ttl":
		return "applies to stored rows at once"
	case "expect":
		return "is checked from the next run on"
	case "entities":
		if d.anew[c.Name] {
			return d.viewsAnew(func(v *FeatureView) bool { return v.Name == c.Name })
		}
	case "source":
		if d.anew[c.Name] {
			return d.viewsAnew(func(v *FeatureView) bool { return v.Name == c.Name })
		}
		return rereadEffect(c.Name)
	case "features":
		return d.viewFeatureEffect(c, path[1:])
	}
	return ""
}

// viewFeatureEffect returns the effect of a change in a view's features: in the list
// if path is empty, else in one feature or a field of it.
func (d *differ) viewFeatureEffect(c Change, path []string) string {
	switch {
	case len(path) == 2 && path[1] == "default":
		return answersChange
	case len(path) == 2 && path[1] != "type":
		return "" // a description
	case len(path) > 2:
		return "" // a tag
	case d.anew[c.Name]:
		return d.viewsAnew(func(v *FeatureView) bool { return v.Name == c.Name })
	case len(path) == 1 && c.Action == Remove:
		return "its stored values are no longer read"
	case len(path) == 1 && c.Action == Add:
		return d.newFeatureEffect(c.Name, path[0])
	}
	return ""
}

func (d *differ) newFeatureEffect(view, feature string) string {
	stored := d.storage.view(view)
	returns := stored != nil && slices.ContainsFunc(stored.Layouts, func(layout []Column) bool {
		return slices.ContainsFunc(layout, func(col Column) bool { return col.Name == feature })
	})
	if returns {
		return fmt.Sprintf("rows stored while the view had this feature return its old values; larder materialize --full %s reads all rows again", view)
	}
	return fmt.Sprintf("null in stored rows until they are materialized again; larder materialize --full %s reads all rows again", view)
}

func (d *differ) serviceEffect(c Change, path []string) string {
	if len(path) == 0 {
		return ""
	}
	switch {
	case path[0] == "features" && c.Action == Modify:
		return orderChanges
	case path[0] == "features":
		return vectorChanges
	case path[0] != "request" || len(path) == 1:
		return ""
	case len(path) == 2 && c.Action == Add:
		return "requests must send it"
	case len(path) == 2:
		return "requests must leave it out"
	case path[2] == "type":
		return vectorChanges
	case path[2] == "default":
		return answersChange
	}
	return ""
}

// viewsAnew tells what happens to the views, among those that which picks, whose rows
// can't be read any more.
func (d *differ) viewsAnew(which func(*FeatureView) bool) string {
	views := d.viewNames(func(v *FeatureView) bool { return d.anew[v.Name] && which(v) })
	if len(views) == 0 {
		return ""
	}
	d.filled = views
	said := fmt.Sprintf("feature view %s is filled again beside its old rows, which answer until then", views[0])
	if len(views) > 1 {
		said = fmt.Sprintf("feature views %s are filled again beside their old rows, which answer until then", strings.Join(views, ", "))
	}
	switch models := d.readers(views); len(models) {
	case 0:
	case 1:
		said += fmt.Sprintf("; model %s scores from them", models[0])
	default:
		said += fmt.Sprintf("; models %s score from them", strings.Join(models, ", "))
	}
	return said + "; then all changes of this version take effect at once"
}

// readers returns the models that read any of the views now.
func (d *differ) readers(views []string) []string {
	read := map[string]bool{} // names of views and on-demand views
	for _, v := range views {
		read[v] = true
	}
	for i := range d.before.OnDemandViews {
		v := &d.before.OnDemandViews[i]
		read[v.Name] = read[v.Name] || slices.ContainsFunc(v.Sources, func(source string) bool { return read[source] })
	}
	var models []string
	for i := range d.before.Models {
		m := &d.before.Models[i]
		service := d.services[m.FeatureService]
		if service != nil && slices.ContainsFunc(service.Features, func(reference string) bool {
			view, _, _ := strings.Cut(reference, ":")
			return read[view]
		}) {
			models = append(models, m.Name)
		}
	}
	return models
}

// removedRows tells what happens to the rows of a view that is removed.
func (d *differ) removedRows(view string) string {
	if old := d.storage.view(view); old != nil && old.KeepOld > 0 {
		return fmt.Sprintf("its rows are kept for %s and then deleted", old.KeepOld)
	}
	return "its rows are deleted"
}

func (d *differ) viewNames(which func(*FeatureView) bool) []string {
	var names []string
	for _, v := range d.after.storedViews() {
		if which(v) {
			names = append(names, v.Name)
		}
	}
	return names
}

// streamEffect: with another log or other fields, what was made of the events can't be
// used.
func (d *differ) streamEffect(c Change, path []string) string {
	ofStream := func(v *FeatureView) bool { return v.Stream == c.Name }
	switch {
	case len(path) == 0 && c.Action == Remove:
		return "its source is no longer read; the table of its log stays"
	case len(path) == 0:
		return ""
	case path[0] == "log" && len(path) == 2 && path[1] == "retention":
		return "older events are deleted from the log; training sets can't see them"
	case path[0] == "log" || path[0] == "fields" || path[0] == "timestamp_field":
		return d.viewsAnew(ofStream)
	case slices.Contains([]string{"kafka", "rabbitmq", "nats", "postgres_cdc", "format", "event_id", "max_ahead", "max_age", "on_duplicate", "dedup_for", "deleted_field", "max_bad_share"}, path[0]):
		return "applies to events from now on"
	}
	return ""
}

// aggregateEffect: whatever changes what is kept of the events makes a view anew.
func (d *differ) aggregateEffect(c Change, path []string) string {
	switch {
	case len(path) == 0 && c.Action == Remove:
		return d.removedRows(c.Name)
	case len(path) == 0:
		return "NOT_FOUND until its states are built from the log"
	case len(path) == 3 && path[0] == "features" && path[2] == "default":
		return answersChange
	case d.anew[c.Name]:
		return d.viewsAnew(func(v *FeatureView) bool { return v.Name == c.Name })
	}
	return ""
}

// accessEffect returns what a change of a role or a binding means.
func accessEffect(c Change, _ []string) string {
	return "changes who may do what, at once; needs the right admin"
}
