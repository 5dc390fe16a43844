package schema

import (
	"fmt"
	"math"
	"slices"
)

// A VersionOrigin is how a model version came into the definitions. What did not
// come from a folder of definitions doesn't go when such a folder leaves it out.
type VersionOrigin string

// The origins of a version.
const (
	FromFolder     VersionOrigin = ""           // a folder of definitions
	FromPush       VersionOrigin = "push"       // somebody's larder models push
	FromMLflow     VersionOrigin = "mlflow"     // an alias of MLflow
	FromRepository VersionOrigin = "repository" // the server's model repository
)

// An MLflowAlias is a version of a model in MLflow that a server follows.
type MLflowAlias struct {
	Model string `json:"model,omitempty"` // in MLflow; empty means of the same name
	Alias string `json:"alias"`           // as in champion
}

// The limits on what is said of a version.
const (
	MaxVersionNotes     = 64 // metrics, and tags
	MaxVersionNoteBytes = 1 << 10
)

// MLflowModel returns the name in MLflow of the model that is followed.
func (m *Model) MLflowModel() string {
	if m.MLflow.Model != "" {
		return m.MLflow.Model
	}
	return m.Name
}

// Version returns a version of the model, or nil.
func (m *Model) Version(version int64) *ModelVersion {
	at := slices.IndexFunc(m.Versions, func(v ModelVersion) bool { return v.Version == version })
	if at < 0 {
		return nil
	}
	return &m.Versions[at]
}

// Model returns the model of a name, or nil.
func (d *Definitions) Model(name string) *Model {
	at := slices.IndexFunc(d.Models, func(m Model) bool { return m.Name == name })
	if at < 0 {
		return nil
	}
	return &d.Models[at]
}

// Served returns the version that answers when none is asked for; 0 of a model
// that has none yet.
func (m *Model) Served() int64 {
	switch {
	case m.Splits():
		return m.Traffic[0].Version
	case m.Serve == 0 && len(m.Versions) > 0:
		return m.Versions[0].Version
	}
	return m.Serve
}

// versionNotes checks what is said of a version.
func (v *validator) versionNotes(path, owner string, mv *ModelVersion) {
	origins := []VersionOrigin{FromFolder, FromPush, FromMLflow, FromRepository}
	if !slices.Contains(origins, mv.From) {
		v.addf(path+".from", "%s: from is push, mlflow or repository, as larder models says, not %q; leave it out of a version of your own", owner, mv.From)
	}
	if len(mv.Metrics) > MaxVersionNotes || len(mv.Tags) > MaxVersionNotes {
		v.addf(path, "%s has %d metrics and %d tags; at most %d of each fit", owner, len(mv.Metrics), len(mv.Tags), MaxVersionNotes)
	}
	for name, value := range mv.Metrics {
		if name == "" || len(name) > MaxVersionNoteBytes || math.IsNaN(value) || math.IsInf(value, 0) {
			v.addf(path+".metrics", "%s: a metric is a name of at most %d bytes and a finite number, not %.40q: %v", owner, MaxVersionNoteBytes, name, value)
		}
	}
	for key, text := range mv.Tags {
		if key == "" || len(key)+len(text) > MaxVersionNoteBytes {
			v.addf(path+".tags", "%s: a tag is a key and a text of at most %d bytes together; %.40q is not", owner, MaxVersionNoteBytes, key)
		}
	}
}

func (v *validator) mlflow(path string, m *Model) {
	if m.MLflow == nil {
		return
	}
	if m.MLflow.Alias == "" {
		v.addf(path+".mlflow.alias", "model %q: say which alias of MLflow it follows, as in mlflow: {alias: champion}", m.Name)
	}
	for key, text := range map[string]string{"alias": m.MLflow.Alias, "model": m.MLflow.Model} {
		if len(text) > MaxVersionNoteBytes {
			v.addf(path+".mlflow."+key, fmt.Sprintf("model %%q: an %s of MLflow has at most %%d bytes", key), m.Name, MaxVersionNoteBytes)
		}
	}
}
