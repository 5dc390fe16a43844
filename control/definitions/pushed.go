package definitions

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"larder/schema"
)

// keepPushed adds the pushed models and versions that the definitions of a folder
// leave out. The notes list them.
func (e *Editor) keepPushed(ctx context.Context, defs *schema.Definitions) (notes []string, err error) {
	_, newest, err := e.Registry.Newest(ctx)
	if err != nil {
		return nil, err
	}
	for i := range newest.Models {
		note, err := keepPushedVersions(defs, &newest.Models[i])
		if err != nil {
			return nil, err
		}
		if note != "" {
			notes = append(notes, note)
		}
	}
	return notes, nil
}

// keepPushedVersions adds the pushed versions of one model to the definitions. The
// note lists those that the definitions left out.
func keepPushedVersions(defs *schema.Definitions, was *schema.Model) (note string, err error) {
	var pushed, left []schema.ModelVersion
	m := defs.Model(was.Name)
	for _, v := range was.Versions {
		if v.From == schema.FromFolder {
			continue
		}
		pushed = append(pushed, v)
		if m == nil || m.Version(v.Version) == nil {
			left = append(left, v)
			continue
		}
		named := m.Version(v.Version)
		if named.SHA256 != v.SHA256 {
			return "", schema.VersionTaken.Errorf("model %q: version %d already came from %s with another file (SHA-256 %.12s…, not %.12s…); give the version in the folder another number",
				was.Name, v.Version, origin(v), v.SHA256, named.SHA256)
		}
		named.From = v.From
	}
	if len(pushed) == 0 {
		return "", nil
	}
	if m == nil {
		defs.Models = append(defs.Models, *was)
		m = &defs.Models[len(defs.Models)-1]
		m.Versions = nil
	}
	m.Versions = append(m.Versions, left...)
	if !m.Splits() && m.Serve == 0 && len(m.Versions) > 1 { // the folder doesn't say which version to serve
		m.Serve, m.Traffic, m.SplitBy, m.Salt, m.Ramp = was.Served(), was.Traffic, was.SplitBy, was.Salt, was.Ramp
		if was.Splits() {
			m.Serve = 0
		}
	}
	if len(left) == 0 {
		return "", nil
	}
	return keptNote(was.Name, left), nil
}

func keptNote(model string, left []schema.ModelVersion) string {
	said := make([]string, len(left))
	for i, v := range left {
		said[i] = fmt.Sprintf("%d (%s)", v.Version, origin(v))
	}
	return fmt.Sprintf("model %s keeps versions that this folder does not have: %s; larder models retire %[1]s VERSION removes one", model, strings.Join(said, ", "))
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
