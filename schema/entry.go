package schema

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The kinds of definitions, in the order that lists have.
const (
	KindEntity         = "entity"
	KindSource         = "source"
	KindStream         = "stream"
	KindFeatureView    = "feature view"
	KindAggregateView  = "aggregate view"
	KindOnDemandView   = "on-demand view"
	KindFeatureService = "feature service"
	KindModel          = "model"
	KindRole           = "role"
	KindBinding        = "binding"
)

// Kinds returns the kinds of definitions.
func Kinds() []string {
	return []string{KindEntity, KindSource, KindStream, KindFeatureView, KindAggregateView, KindOnDemandView, KindFeatureService, KindModel}
}

// A Reference is the kind and the name of a definition.
type Reference struct{ Kind, Name string }

// An Entry is a definition in a list of all.
type Entry struct {
	Reference
	Description string
	Owner       string
	Tags        map[string]string
	Uses        []Reference // the definitions that it names
	UsedBy      []Reference // the definitions that name it
	Parts       []string    // the names of its features, join keys or versions
	Value       any         // the definition, as Definitions has it
}

// Entries lists all definitions by kind, in the order of the definitions.
func (d *Definitions) Entries() []Entry {
	var all []Entry
	add := func(kind, name, description, owner string, tags map[string]string, parts []string, value any, uses ...Reference) {
		all = append(all, Entry{Reference{kind, name}, description, owner, tags, uses, nil, parts, value})
	}
	for _, e := range d.Entities {
		add(KindEntity, e.Name, e.Description, e.Owner, e.Tags, namesOf(e.JoinKeys, func(k JoinKey) string { return k.Name }), e)
	}
	for _, s := range d.Sources {
		add(KindSource, s.Name, s.Description, s.Owner, s.Tags, nil, s)
	}
	for _, s := range d.Streams {
		add(KindStream, s.Name, s.Description, s.Owner, s.Tags, namesOf(s.Fields, func(f StreamField) string { return f.Name }), s)
	}
	for _, v := range d.FeatureViews {
		from := Reference{KindSource, v.Source}
		if v.Stream != "" {
			from = Reference{KindStream, v.Stream}
		}
		uses := append(references(KindEntity, v.Entities), from)
		add(KindFeatureView, v.Name, v.Description, v.Owner, v.Tags, namesOf(v.Features, func(f Feature) string { return f.Name }), v, uses...)
	}
	for _, v := range d.AggregateViews {
		uses := append(references(KindEntity, v.Entities), Reference{KindStream, v.Stream})
		add(KindAggregateView, v.Name, v.Description, v.Owner, v.Tags, namesOf(d.expand(&v).Features, func(f Feature) string { return f.Name }), v, uses...)
	}
	for _, v := range d.OnDemandViews {
		add(KindOnDemandView, v.Name, v.Description, v.Owner, v.Tags, namesOf(v.Features, func(f OnDemandFeature) string { return f.Name }), v, d.views(v.Sources)...)
	}
	for _, s := range d.FeatureServices {
		add(KindFeatureService, s.Name, s.Description, s.Owner, s.Tags, s.Features, s, d.views(viewsOf(s.Features))...)
	}
	for _, m := range d.Models {
		uses := []Reference{{KindFeatureService, m.FeatureService}}
		if m.Labels != nil {
			uses = append(uses, Reference{KindSource, m.Labels.Source})
		}
		add(KindModel, m.Name, m.Description, m.Owner, m.Tags, namesOf(m.Versions, func(v ModelVersion) string { return strconv.FormatInt(v.Version, 10) }), m, uses...)
	}
	linkUsers(all)
	return all
}

func linkUsers(all []Entry) {
	at := map[Reference]int{}
	for i := range all {
		at[all[i].Reference] = i
	}
	for i := range all {
		for _, used := range all[i].Uses {
			if j, found := at[used]; found && !slices.Contains(all[j].UsedBy, all[i].Reference) {
				all[j].UsedBy = append(all[j].UsedBy, all[i].Reference)
			}
		}
	}
}

func namesOf[T any](list []T, name func(T) string) []string {
	out := make([]string, len(list))
	for i, x := range list {
		out[i] = name(x)
	}
	return out
}

func references(kind string, names []string) []Reference {
	out := make([]Reference, len(names))
	for i, name := range names {
		out[i] = Reference{kind, name}
	}
	return out
}

// viewsOf returns the views that references to features name.
func viewsOf(features []string) []string {
	var views []string
	for _, f := range features {
		if view, _, _ := strings.Cut(f, ":"); view != "request" && !slices.Contains(views, view) {
			views = append(views, view)
		}
	}
	return views
}

// views returns references to views of any kind.
func (d *Definitions) views(names []string) []Reference {
	out := references(KindFeatureView, names)
	for i, ref := range out {
		if slices.ContainsFunc(d.AggregateViews, func(v AggregateView) bool { return v.Name == ref.Name }) {
			out[i].Kind = KindAggregateView
		}
		if slices.ContainsFunc(d.OnDemandViews, func(v OnDemandView) bool { return v.Name == ref.Name }) {
			out[i].Kind = KindOnDemandView
		}
	}
	return out
}

// FoundIn returns where an entry has a text, in any case, as in
// features.txn_count_7d.description.
func (e *Entry) FoundIn(text string) []string {
	raw, err := json.Marshal(e.Value)
	if err != nil {
		return nil // definitions that were applied are JSON
	}
	var value any
	if err := json.Unmarshal(raw, &value); err != nil {
		return nil
	}
	var found []string
	text = strings.ToLower(text)
	walkText(nil, value, func(path []string, said string) {
		if strings.Contains(strings.ToLower(said), text) {
			found = append(found, strings.Join(path, "."))
		}
	})
	return found
}

// walkText calls visit with each text of a JSON value, and its path. Elements of lists
// are called by their names.
func walkText(path []string, value any, visit func(path []string, said string)) {
	switch v := value.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			walkText(append(slices.Clone(path), k), v[k], visit)
		}
	case []any:
		for i, element := range v {
			walkText(append(slices.Clone(path), elementText(element, i)), element, visit)
		}
	case string:
		visit(path, v)
	case float64, bool:
		visit(path, fmt.Sprint(v))
	}
}

func elementText(element any, at int) string {
	if fields, is := element.(map[string]any); is {
		for _, key := range []string{"name", "version"} {
			if said, has := fields[key]; has {
				return fmt.Sprint(said)
			}
		}
	}
	return strconv.Itoa(at)
}
