package control

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	larderv1 "larder/api/larder/v1"
	"larder/schema"
	files "larder/schema/definitions"
)

// shownRuns is how many runs of a view GetDefinition returns.
const shownRuns = 5

// maxSearch bounds the text of a search, in bytes.
const maxSearch = 1000

// ListDefinitions lists what is defined and what the caller may see, whole or by a search.
func (s *Server) ListDefinitions(ctx context.Context, req *larderv1.ListDefinitionsRequest) (*larderv1.ListDefinitionsResponse, error) {
	kind, search := req.GetKind(), req.GetSearch()
	if err := checkKind(kind); err != nil {
		return nil, err
	}
	if len(search) > maxSearch {
		return nil, schema.BadRequest.Errorf("the text to search for has %d bytes; use at most %d", len(search), maxSearch)
	}
	catalog := s.Registry.Catalog()
	out := &larderv1.ListDefinitionsResponse{Version: catalog.Version}
	for _, e := range visibleEntries(ctx, catalog) {
		if kind != "" && e.Kind != kind {
			continue
		}
		message := entryMessage(&e)
		if search != "" {
			if message.FoundIn = e.FoundIn(search); len(message.FoundIn) == 0 {
				continue
			}
		}
		out.Definitions = append(out.Definitions, message)
	}
	return out, nil
}

func checkKind(kind string) error {
	if kind != "" && !slices.Contains(schema.Kinds(), kind) {
		return schema.BadRequest.Errorf("there is no kind %q; kinds are %s", kind, strings.Join(schema.Kinds(), ", "))
	}
	return nil
}

// visibleEntries returns the definitions that the caller may see. They name no others, but in
// their own text.
func visibleEntries(ctx context.Context, catalog *schema.Catalog) []schema.Entry {
	hidden := func(r schema.Reference) bool { return !seesDefinition(ctx, r) }
	all := slices.DeleteFunc(catalog.Definitions.Entries(), func(e schema.Entry) bool { return hidden(e.Reference) })
	for i := range all {
		all[i].Uses, all[i].UsedBy = slices.DeleteFunc(all[i].Uses, hidden), slices.DeleteFunc(all[i].UsedBy, hidden)
	}
	return all
}

// GetDefinition returns one definition, who uses it, and how it does. A definition that the
// caller may not see is answered as one that isn't there.
func (s *Server) GetDefinition(ctx context.Context, req *larderv1.GetDefinitionRequest) (*larderv1.GetDefinitionResponse, error) {
	if err := checkKind(req.GetKind()); err != nil {
		return nil, err
	}
	catalog := s.Registry.Catalog()
	e, err := findEntry(visibleEntries(ctx, catalog), req.GetKind(), req.GetName())
	if err != nil {
		return nil, err
	}
	out := &larderv1.GetDefinitionResponse{Version: catalog.Version, Definition: entryMessage(e)}
	raw, err := json.Marshal(e.Value)
	if err != nil {
		return nil, err
	}
	text, err := files.WriteOne(e.Value)
	if err != nil {
		return nil, err
	}
	out.Json, out.Yaml = string(raw), string(text)
	switch kind := resourceKinds[e.Kind]; {
	case !observes(ctx, kind, e.Name): // its definition alone
	case e.Kind == schema.KindFeatureView:
		return out, s.addView(ctx, catalog, e.Name, out)
	case e.Kind == schema.KindModel:
		status, err := s.parts.Models.Status(ctx, e.Name)
		if err != nil {
			return nil, err
		}
		out.Model = modelMessage(status)
	}
	return out, nil
}

// addView adds how fresh a view is, and its newest runs if Postgres answers.
func (s *Server) addView(ctx context.Context, catalog *schema.Catalog, name string, out *larderv1.GetDefinitionResponse) error {
	view, err := catalog.View(name)
	if err != nil {
		return err
	}
	if out.View, err = s.viewStatus(view, s.now()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, recordWithin)
	defer cancel()
	for _, run := range s.parts.Runs.OfView(ctx, name, shownRuns) {
		out.Runs = append(out.Runs, run.Message())
	}
	return nil
}

// findEntry returns the entry of a name, of any kind if kind is empty.
func findEntry(all []schema.Entry, kind, name string) (*schema.Entry, error) {
	var found []*schema.Entry
	var names []string
	for i := range all {
		if kind != "" && all[i].Kind != kind {
			continue
		}
		names = append(names, all[i].Name)
		if all[i].Name == name {
			found = append(found, &all[i])
		}
	}
	switch {
	case len(found) == 0 && kind == "":
		return nil, schema.UnknownDefinition.Errorf("nothing is called %q; %s", name, schema.Nearest(name, names))
	case len(found) == 0:
		return nil, schema.UnknownDefinition.Errorf("no %s is called %q; %s", kind, name, schema.Nearest(name, names))
	case len(found) > 1:
		kinds := make([]string, len(found))
		for i, e := range found {
			kinds[i] = e.Kind
		}
		return nil, schema.AmbiguousName.Errorf("%q is the name of several definitions; name the kind too: %s", name, strings.Join(kinds, ", "))
	}
	return found[0], nil
}

// ExportDefinitions returns the definitions of a version as YAML files.
func (s *Server) ExportDefinitions(ctx context.Context, req *larderv1.ExportDefinitionsRequest) (*larderv1.ExportDefinitionsResponse, error) {
	version, defs, err := s.Registry.Version(ctx, req.GetVersion())
	if err != nil {
		return nil, err
	}
	project := projectOf(req)
	folder := defs.Folder(project)
	if project != schema.DefaultProject && folder.IsEmpty() {
		return nil, schema.UnknownProject.Errorf("no project %q has definitions in version %d", project, version.Version)
	}
	local, err := folder.Local()
	if err != nil {
		return nil, err
	}
	if project == schema.DefaultProject {
		local = local.WithAccessOf(defs)
	}
	all, err := files.Write(local)
	if err != nil {
		return nil, err
	}
	out := &larderv1.ExportDefinitionsResponse{Version: versionOf(version)}
	for _, f := range all {
		out.Files = append(out.Files, &larderv1.DefinitionFile{Name: f.Name, Content: f.Data})
	}
	return out, nil
}

func entryMessage(e *schema.Entry) *larderv1.Definition {
	return &larderv1.Definition{
		Kind: e.Kind, Name: e.Name, Description: e.Description, Owner: e.Owner, Tags: e.Tags,
		Uses: nameMessages(e.Uses), UsedBy: nameMessages(e.UsedBy), Parts: e.Parts,
	}
}

func nameMessages(references []schema.Reference) []*larderv1.DefinitionName {
	out := make([]*larderv1.DefinitionName, len(references))
	for i, r := range references {
		out[i] = &larderv1.DefinitionName{Kind: r.Kind, Name: r.Name}
	}
	return out
}
