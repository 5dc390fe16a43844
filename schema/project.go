package schema

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// DefaultProject is the project of definitions whose folder names none.
const DefaultProject = "default"

// ProjectOf returns the project of a definition, by its name: PROJECT/NAME, and NAME in the
// default project. A project is what one team applies: a folder.
func ProjectOf(name string) string {
	if project, _, found := strings.Cut(name, "/"); found {
		return project
	}
	return DefaultProject
}

// LocalName returns the name of a definition within its project. Expressions read the
// features of views by it.
func LocalName(name string) string { return name[strings.IndexByte(name, '/')+1:] }

// FullName returns the name of a definition of a project as other projects write it, and as
// it is applied. A name that names a project already stays, except that default/NAME is NAME.
func FullName(project, name string) string {
	if local, found := strings.CutPrefix(name, DefaultProject+"/"); found {
		return local
	}
	if project == "" || project == DefaultProject || name == "" || strings.Contains(name, "/") {
		return name
	}
	return project + "/" + name
}

// localTo returns a name as a folder of a project writes it.
func localTo(project, name string) string {
	switch {
	case ProjectOf(name) == project:
		return LocalName(name)
	case ProjectOf(name) == DefaultProject && name != "":
		return DefaultProject + "/" + name
	}
	return name
}

// IsName reports whether a name is one that a definition or a project can have.
func IsName(name string) bool { return namePattern.MatchString(name) }

// ProjectName returns the project of a folder of definitions.
func (d *Definitions) ProjectName() string { return cmp.Or(d.Project, DefaultProject) }

// Qualify gives all definitions of a folder, and all that they refer to, their full names.
func (d *Definitions) Qualify() {
	if d.Project == DefaultProject {
		d.Project = ""
	}
	if d.Project != "" && !namePattern.MatchString(d.Project) {
		return // which ValidateFolder reports
	}
	d.rename(func(name string) string { return FullName(d.Project, name) })
}

// Folder returns the definitions of one project alone, without roles and bindings, as a
// folder has them once it is qualified.
func (d *Definitions) Folder(project string) *Definitions {
	out := d.only(func(name string) bool { return ProjectOf(name) == project })
	if project != DefaultProject {
		out.Project = project
	}
	return out
}

// Local returns a copy of a folder's definitions with the names that its files write.
func (d *Definitions) Local() (*Definitions, error) {
	raw, err := json.Marshal(d)
	if err != nil {
		return nil, err
	}
	out := new(Definitions)
	if err := json.Unmarshal(raw, out); err != nil {
		return nil, err
	}
	out.rename(func(name string) string { return localTo(d.ProjectName(), name) })
	return out, nil
}

// WithProject returns d with the definitions of a folder in place of those that its project
// had. Projects are in the order of their names, so that the order in which they are applied
// changes nothing. Roles and bindings stay as they are.
func (d *Definitions) WithProject(folder *Definitions) *Definitions {
	project := folder.ProjectName()
	rest := d.only(func(name string) bool { return ProjectOf(name) != project })
	return &Definitions{
		Entities:        merged(rest.Entities, folder.Entities, func(x *Entity) string { return x.Name }),
		Sources:         merged(rest.Sources, folder.Sources, func(x *Source) string { return x.Name }),
		Streams:         merged(rest.Streams, folder.Streams, func(x *Stream) string { return x.Name }),
		FeatureViews:    merged(rest.FeatureViews, folder.FeatureViews, func(x *FeatureView) string { return x.Name }),
		AggregateViews:  merged(rest.AggregateViews, folder.AggregateViews, func(x *AggregateView) string { return x.Name }),
		OnDemandViews:   merged(rest.OnDemandViews, folder.OnDemandViews, func(x *OnDemandView) string { return x.Name }),
		FeatureServices: merged(rest.FeatureServices, folder.FeatureServices, func(x *FeatureService) string { return x.Name }),
		Models:          merged(rest.Models, folder.Models, func(x *Model) string { return x.Name }),
		Roles:           d.Roles, Bindings: d.Bindings,
	}
}

// Foreign returns the definitions of other projects that a folder uses.
func (d *Definitions) Foreign() []Reference {
	var all []Reference
	for _, e := range d.Entries() {
		for _, use := range e.Uses {
			if ProjectOf(use.Name) != d.ProjectName() && use.Name != "" && !slices.Contains(all, use) {
				all = append(all, use)
			}
		}
	}
	return all
}

// CheckUses returns an error when other projects use definitions of a project that are not
// there any more.
func (d *Definitions) CheckUses(project string) error {
	all := d.Entries()
	there := map[Reference]bool{}
	for _, e := range all {
		there[e.Reference] = true
	}
	var lines []string
	for _, e := range all {
		for _, use := range e.Uses {
			if other := ProjectOf(e.Name); other != project && use.Name != "" && ProjectOf(use.Name) == project && !there[use] {
				lines = append(lines, fmt.Sprintf("%s %s of project %s reads %s %s", e.Kind, e.Name, other, use.Kind, use.Name))
			}
		}
	}
	if len(lines) == 0 {
		return nil
	}
	const most = 10
	if more := len(lines) - most; more > 0 {
		lines = append(lines[:most], fmt.Sprintf("and %d more", more))
	}
	return UsedElsewhere.Errorf("other projects read what this apply leaves out:\n%s\nkeep it until their teams have applied without it", strings.Join(lines, "\n"))
}

// Projects returns the projects that have definitions, sorted.
func (d *Definitions) Projects() []string {
	var all []string
	for _, e := range d.Entries() {
		all = append(all, ProjectOf(e.Name))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// SameProject returns the names that are in the same project as another name. Messages about
// a name suggest no others, so that they tell nothing of other teams.
func SameProject(name string, names []string) []string {
	project := ProjectOf(name)
	return slices.DeleteFunc(slices.Clone(names), func(other string) bool { return ProjectOf(other) != project })
}

// only returns the definitions, except roles and bindings, whose names are kept.
func (d *Definitions) only(keep func(name string) bool) *Definitions {
	return &Definitions{
		Entities:        kept(d.Entities, func(x *Entity) bool { return keep(x.Name) }),
		Sources:         kept(d.Sources, func(x *Source) bool { return keep(x.Name) }),
		Streams:         kept(d.Streams, func(x *Stream) bool { return keep(x.Name) }),
		FeatureViews:    kept(d.FeatureViews, func(x *FeatureView) bool { return keep(x.Name) }),
		AggregateViews:  kept(d.AggregateViews, func(x *AggregateView) bool { return keep(x.Name) }),
		OnDemandViews:   kept(d.OnDemandViews, func(x *OnDemandView) bool { return keep(x.Name) }),
		FeatureServices: kept(d.FeatureServices, func(x *FeatureService) bool { return keep(x.Name) }),
		Models:          kept(d.Models, func(x *Model) bool { return keep(x.Name) }),
	}
}

func kept[T any](all []T, keep func(*T) bool) []T {
	var out []T
	for i := range all {
		if keep(&all[i]) {
			out = append(out, all[i])
		}
	}
	return out
}

// merged joins two lists, sorted by project and otherwise in their order.
func merged[T any](a, b []T, name func(*T) string) []T {
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, func(x, y T) int { return cmp.Compare(projectRank(name(&x)), projectRank(name(&y))) })
	return all
}

// projectRank orders names by project, those of the default project first.
func projectRank(name string) string {
	if project := ProjectOf(name); project != DefaultProject {
		return project
	}
	return ""
}

// rename changes the name of each definition, and each name of another one in it.
func (d *Definitions) rename(to func(name string) string) {
	change := func(names ...*string) {
		for _, name := range names {
			*name = to(*name)
		}
	}
	list := func(names []string) {
		for i := range names {
			change(&names[i])
		}
	}
	features := func(refs []string) {
		for i, ref := range refs {
			if owner, feature, found := strings.Cut(ref, ":"); found && owner != requestRef {
				refs[i] = to(owner) + ":" + feature
			}
		}
	}
	for i := range d.Entities {
		change(&d.Entities[i].Name)
	}
	for i := range d.Sources {
		change(&d.Sources[i].Name)
	}
	for i := range d.Streams {
		change(&d.Streams[i].Name)
	}
	for i := range d.FeatureViews {
		v := &d.FeatureViews[i]
		change(&v.Name, &v.Source, &v.Stream)
		list(v.Entities)
	}
	for i := range d.AggregateViews {
		v := &d.AggregateViews[i]
		change(&v.Name, &v.Stream)
		list(v.Entities)
	}
	for i := range d.OnDemandViews {
		v := &d.OnDemandViews[i]
		change(&v.Name)
		list(v.Sources)
	}
	for i := range d.FeatureServices {
		s := &d.FeatureServices[i]
		change(&s.Name)
		features(s.Features)
	}
	for i := range d.Models {
		m := &d.Models[i]
		change(&m.Name, &m.FeatureService)
		for k := range m.Inputs {
			features(m.Inputs[k].Features)
		}
		if m.Monitor != nil {
			features(m.Monitor.Features)
		}
		if m.Labels != nil {
			change(&m.Labels.Source)
		}
	}
}

// definitionName checks the name of a definition.
func (v *validator) definitionName(path, noun, name string) bool {
	project, local, qualified := strings.Cut(name, "/")
	switch {
	case noun == KindRole || noun == KindBinding: // of the server
		return v.name(path, noun, name)
	case qualified && (!namePattern.MatchString(project) || project == DefaultProject):
		v.addf(path, "%s %q: %q can't be a project; %s", noun, CutName(name), CutName(project), projectForm)
	case name != "" && v.foreign(name):
		v.addf(path, "%s %q is of project %s, and this folder's project is %s; rename it, or write it into a folder of its project", noun, CutName(name), CutName(ProjectOf(name)), v.defs.ProjectName())
	case qualified:
		return v.name(path, noun, local)
	default:
		return v.name(path, noun, name)
	}
	return false
}

const projectForm = "use letters, digits and _, at most 128, not starting with a digit"

// project checks what a folder says of its project. Without a project, nothing else can be
// checked.
func (v *validator) project() bool {
	d := v.defs
	if d.Project != "" && !namePattern.MatchString(d.Project) {
		v.addf("project", "project name %q: %s", CutName(d.Project), projectForm)
		return false
	}
	if d.Project != "" && d.HasAccess() {
		path := "roles"
		if len(d.Roles) == 0 {
			path = "bindings"
		}
		v.addf(path, "roles and bindings are of the whole server, not of project %s; move them into a folder without project", d.Project)
	}
	return true
}

// foreign reports whether a name is of another project than the folder that is checked: only
// the server knows what that has.
func (v *validator) foreign(name string) bool {
	return v.folder && ProjectOf(name) != v.defs.ProjectName()
}

// readsForeign reports whether a service reads what only the server knows.
func (v *validator) readsForeign(s *FeatureService) bool {
	found, seen := false, map[string]bool{}
	for _, ref := range s.Features {
		owner, _, _ := strings.Cut(ref, ":")
		v.closure(owner, seen, func(name string) {
			found = found || owner != requestRef && v.foreign(name)
			if view := v.views[name]; view != nil {
				found = found || slices.ContainsFunc(view.Entities, v.foreign)
			}
		})
	}
	return found
}

// unsentf adds a problem with a key or value that requests for a service don't send, unless
// the server must tell.
func (v *validator) unsentf(s *FeatureService, path, format string, args ...any) {
	if !v.readsForeign(s) {
		v.danglef(path, format, args...)
	}
}

// unknownf adds a problem with a reference to a definition that doesn't exist, unless the
// server must tell.
func (v *validator) unknownf(name string, existing []string, path, format string, args ...any) {
	if v.foreign(name) {
		return
	}
	v.danglef(path, "%s; %s", fmt.Sprintf(format, args...), Nearest(name, SameProject(name, existing)))
}
