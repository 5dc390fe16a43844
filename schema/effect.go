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

func (d *differ) modelEffect(c Change, path []string) string {
	if len(path) == 0 {
		return ""
	}
	switch path[0] {
	case "serve":
		return d.serveEffect(c)
	case "traffic":
		return d.trafficEffect(c)
	case "split_by", "salt":
		if m := model(d.after, c.Name); !m.Splits() {
			return "" // the effect of traffic says what scores
		}
		return splitsAnew
	case "ramp":
		return d.rampEffect(c)
	case "shadow":
		return "shadow scores are not returned; they go to the feature log"
	case "rollout":
		return rolloutEffect(c)
	case "labels":
		return "responses do not change; larder experiment reads these labels"
	case "on_missing":
		return answersChange
	case "limits", "batching", "providers":
		return "every version of the model is loaded again; the old one serves meanwhile"
	case "feature_service":
		return vectorChanges
	case "mlflow":
		return "servers follow this alias from now on"
	case "versions":
		if len(path) == 2 && c.Action == Remove {
			return "requests that name it are refused"
		}
		if len(path) == 3 && path[2] != "onnx" && path[2] != "dataset" && path[2] != "from" {
			return scoresChange
		}
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
	for i := range d.after.FeatureViews {
		if v := &d.after.FeatureViews[i]; which(v) {
			names = append(names, v.Name)
		}
	}
	return names
}

// serveEffect says which version scores requests that name none. A version that is
// written down where it was the only one serves on.
func (d *differ) serveEffect(c Change) string {
	before, after := model(d.before, c.Name), model(d.after, c.Name)
	switch served := after.Served(); {
	case after.Splits(), served == 0:
		return "" // the effect of traffic says what scores
	case !before.Splits() && before.Served() == served:
		return fmt.Sprintf("version %d still scores requests that name no version", served)
	default:
		return fmt.Sprintf("requests that name no version are scored by version %d at once", served)
	}
}

// model returns a model that definitions have.
func model(d *Definitions, name string) *Model {
	return &d.Models[slices.IndexFunc(d.Models, func(m Model) bool { return m.Name == name })]
}

// trafficEffect says which share of the traffic each version gets.
func (d *differ) trafficEffect(c Change) string {
	m := model(d.after, c.Name)
	if !m.Splits() {
		return "one version scores all requests at once"
	}
	shares := make([]string, len(m.Traffic))
	for i, w := range m.Traffic {
		shares[i] = fmt.Sprintf("%v %% by version %d", float64(w.Weight), w.Version)
	}
	return "scored at once: " + strings.Join(shares, ", ")
}

// rampEffect: a ramp that continues keeps its start, and a tripped guard stays tripped.
func (d *differ) rampEffect(c Change) string {
	if c.After == "" {
		return "the traffic weights apply at once"
	}
	if c.Action == Add {
		return "the ramp starts at once"
	}
	return "the ramp restarts, unless only its guards change"
}

func rolloutEffect(c Change) string {
	if strings.Contains(c.After, string(CommandsDecide)) {
		return "what serves stays as it is when files are applied; write rollout: file into the model to let its file decide"
	}
	return "files decide which versions serve"
}
