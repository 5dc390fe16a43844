package definitions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"larder/schema"
)

// keepPushed adds to the definitions of a folder what commands did to its models: the
// pushed models and versions that the folder leaves out, and what serves, where a
// command chose it. The notes tell what is kept.
func (e *Editor) keepPushed(ctx context.Context, defs *schema.Definitions) (notes []string, err error) {
	_, newest, err := e.Registry.Newest(ctx)
	if err != nil {
		return nil, err
	}
	for i := range newest.Models {
		was := &newest.Models[i]
		if schema.ProjectOf(was.Name) != defs.ProjectName() {
			continue
		}
		leftOut := defs.Model(was.Name) == nil
		left, err := keepPushedVersions(defs, was)
		if err != nil {
			return nil, err
		}
		if len(left) > 0 {
			notes = append(notes, keptNote(was.Name, left, leftOut))
		}
		if m := defs.Model(was.Name); m != nil {
			if note := keepRouting(m, was); note != "" {
				notes = append(notes, note)
			}
		}
	}
	return notes, nil
}

// keepPushedVersions adds the pushed versions of one model to the definitions, and
// what was said of them. It returns those that the definitions left out.
func keepPushedVersions(defs *schema.Definitions, was *schema.Model) (left []schema.ModelVersion, err error) {
	m := defs.Model(was.Name)
	for _, v := range was.Versions {
		if v.From == schema.FromFolder {
			continue
		}
		if m == nil || m.Version(v.Version) == nil {
			left = append(left, v)
			continue
		}
		named := m.Version(v.Version)
		if named.SHA256 != v.SHA256 {
			return nil, schema.VersionTaken.Errorf("model %q: version %d already came from %s with another file (SHA-256 %.12s…, not %.12s…); give the version in the folder another number",
				was.Name, v.Version, origin(v), v.SHA256, named.SHA256)
		}
		keepSaid(named, &v)
	}
	if len(left) == 0 {
		return nil, nil
	}
	if m == nil {
		defs.Models = append(defs.Models, *was)
		m = &defs.Models[len(defs.Models)-1]
		m.Versions = nil
	}
	m.Versions = append(m.Versions, left...)
	return left, nil
}

// keepSaid keeps what a push said of a version and the folder leaves out.
func keepSaid(m, was *schema.ModelVersion) {
	m.From = was.From
	m.Dataset, m.Output = cmp.Or(m.Dataset, was.Dataset), cmp.Or(m.Output, was.Output)
	if m.Column == nil {
		m.Column = was.Column
	}
	if m.Metrics == nil {
		m.Metrics = was.Metrics
	}
	if m.Tags == nil {
		m.Tags = was.Tags
	}
}

// keepRouting keeps what a command made serve, unless the folder decides it. The note
// tells when the folder says something else.
func keepRouting(m, was *schema.Model) (note string) {
	said, served := m.Routing(), was.Routing()
	switch {
	case m.Rollout == schema.FileDecides:
		return ""
	case was.Rollout != schema.CommandsDecide:
		if said.IsZero() && len(m.Versions) > 1 { // the folder doesn't say which version to serve
			served.Serve = was.Served()
			if was.Splits() {
				served.Serve = 0
			}
			m.Route(served)
		}
		return ""
	}
	m.Route(served)
	m.Rollout = was.Rollout
	switch {
	case m.Version(m.Served()) == nil:
		return fmt.Sprintf("model %s: %s, as a command decided; promote a version that this folder has first, or write rollout: file into the model to let the folder decide", m.Name, routingText(was))
	case said.IsZero(), reflect.DeepEqual(said, served):
		return ""
	}
	return fmt.Sprintf("model %s: %s, as a command decided, although this folder says otherwise; write rollout: file into the model to let the folder decide, or change it with larder models promote or traffic",
		m.Name, routingText(was))
}

// routingText says what serves, as in "version 3 still serves".
func routingText(m *schema.Model) string {
	if !m.Splits() {
		return fmt.Sprintf("version %d still serves", m.Served())
	}
	shares := make([]string, len(m.Traffic))
	for i, w := range m.Traffic {
		shares[i] = fmt.Sprintf("%v %% by version %d", float64(w.Weight), w.Version)
	}
	return "requests are still scored " + strings.Join(shares, ", ")
}

// keptNote tells of versions that stay, and how to remove them, or the whole model where
// the folder leaves that out.
func keptNote(model string, left []schema.ModelVersion, leftOut bool) string {
	said := make([]string, len(left))
	for i, v := range left {
		said[i] = fmt.Sprintf("%d (%s)", v.Version, origin(v))
	}
	remedy := "VERSION removes one"
	if leftOut {
		remedy = "--model removes the model"
	}
	return fmt.Sprintf("model %s keeps versions that this folder does not have: %s; larder models retire %[1]s %[3]s", model, strings.Join(said, ", "), remedy)
}

func origin(v schema.ModelVersion) string {
	switch v.From {
	case schema.FromMLflow:
		return "MLflow"
	case schema.FromRepository:
		return "the model repository"
	}
	return "push"
}

// withNotes adds the notes to an error in definitions, because what they name may have caused it.
func withNotes(err error, notes []string) error {
	var said *schema.Error
	if len(notes) == 0 || !errors.As(err, &said) || said.Kind != schema.Invalid {
		return err
	}
	with := *said
	with.Message += "\n(" + strings.Join(notes, "\n") + ")"
	return &with
}
