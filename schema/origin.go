package schema

import (
	"fmt"
	"math"
	"slices"
)

// A VersionOrigin is how a model version was added to the definitions. A version that
// didn't come from a folder of definitions stays when a folder leaves it out.
type VersionOrigin string

// The origins of a version.
const (
	FromFolder     VersionOrigin = ""           // a folder of definitions
	FromPush       VersionOrigin = "push"       // larder models push
	FromMLflow     VersionOrigin = "mlflow"     // an alias of MLflow
	FromRepository VersionOrigin = "repository" // the server's model repository
)

// An MLflowAlias is a version of a model in MLflow that a server follows.
type MLflowAlias struct {
	Model string `json:"model,omitempty"` // name in MLflow; empty means the same name
	Alias string `json:"alias"`           // as in champion
}

// The limits on the metrics and tags of a version.
const (
	MaxVersionNotes     = 64 // metrics, and tags
	MaxVersionNoteBytes = 1 << 10
)

// MLflowModel returns the name in MLflow of the model that is followed.
func (m *Model) MLflowModel() string {
	if m.MLflow.Model != "" {
		return m.MLflow.Model
	}
	return LocalName(m.Name)
}

// Version returns a version of the model, or nil.
func (m *Model) Version(version int64) *ModelVersion {
	at := slices.IndexFunc(m.Versions, func(v ModelVersion) bool { return v.Version == version })
	if at < 0 {
		return nil
	}
	return &m.Versions[at]
}

// Model returns the model with the given name, or nil.
func (d *Definitions) Model(name string) *Model {
	at := slices.IndexFunc(d.Models, func(m Model) bool { return m.Name == name })
	if at < 0 {
		return nil
	}
	return &d.Models[at]
}

// Served returns the version that scores requests that name none; 0 for a model without
// versions.
func (m *Model) Served() int64 {
	switch {
	case m.Splits():
		return m.Traffic[0].Version
	case m.Serve == 0 && len(m.Versions) > 0:
		return m.Versions[0].Version
	}
	return m.Serve
}

// versionNotes checks the origin, metrics and tags of a version.
func (v *validator) versionNotes(path, owner string, mv *ModelVersion) {
	origins := []VersionOrigin{FromFolder, FromPush, FromMLflow, FromRepository}
	if !slices.Contains(origins, mv.From) {
		v.addf(path+".from", "%s: from must be push, mlflow or repository, not %q; leave it out for a version from this folder", owner, mv.From)
	}
	if len(mv.Metrics) > MaxVersionNotes || len(mv.Tags) > MaxVersionNotes {
		v.addf(path, "%s has %d metrics and %d tags; use at most %d of each", owner, len(mv.Metrics), len(mv.Tags), MaxVersionNotes)
	}
	for name, value := range mv.Metrics {
		if name == "" || len(name) > MaxVersionNoteBytes || math.IsNaN(value) || math.IsInf(value, 0) {
			v.addf(path+".metrics", "%s: a metric must be a name of at most %d bytes and a finite number, not %.40q: %v", owner, MaxVersionNoteBytes, name, value)
		}
	}
	for key, text := range mv.Tags {
		if key == "" || len(key)+len(text) > MaxVersionNoteBytes {
			v.addf(path+".tags", "%s: a tag must be a key and a text of at most %d bytes together; shorten %.40q", owner, MaxVersionNoteBytes, key)
		}
	}
}

func (v *validator) mlflow(path string, m *Model) {
	if m.MLflow == nil {
		return
	}
	if m.MLflow.Alias == "" {
		v.addf(path+".mlflow.alias", "model %q: mlflow names no alias; write mlflow: {alias: champion}", m.Name)
	}
	for key, text := range map[string]string{"alias": m.MLflow.Alias, "model": m.MLflow.Model} {
		if len(text) > MaxVersionNoteBytes {
			v.addf(path+".mlflow."+key, fmt.Sprintf("model %%q: an %s of MLflow has at most %%d bytes", key), m.Name, MaxVersionNoteBytes)
		}
	}
}
