package models

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"larder/models/folder"
	"larder/models/mlflow"
	"larder/schema"
	"larder/scoring"
)

// VersionSources are the places that model versions are imported from.
type VersionSources struct {
	MLflow     *mlflow.Client // nil: aliases are not followed
	Repository *folder.Folder // nil: no repository
	Every      time.Duration  // how often each is checked; defaults to 10 seconds
}

// A look is the result of checking one model's source.
type look struct {
	source  string // as in "mlflow fraud@champion"
	at      time.Time
	version int64 // the version that an alias names
	fault   error // nil when all is well
	catalog int64 // the catalog version that served then
}

// looks hold the last look at each model's source.
type looks struct {
	mu      sync.Mutex
	byModel map[string]look
}

// set records a look and reports whether its fault is new.
func (l *looks) set(model string, now look) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := l.byModel[model]
	l.byModel[model] = now
	return now.fault != nil && fmt.Sprint(before.fault) != fmt.Sprint(now.fault)
}

// last returns the last look at a model's source.
func (l *looks) last(model string) look {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.byModel[model]
}

// A Source is the state of the place that a model's versions are imported from.
type Source struct {
	Name         string // as in "mlflow fraud@champion"
	LookedAt     time.Time
	AliasVersion int64  // the version that the alias names
	Fault        string // why no version is imported; empty when all is well
}

// source returns the state of a model's source; nil when it has none.
func (l *looks) source(model string) *Source {
	l.mu.Lock()
	defer l.mu.Unlock()
	last, known := l.byModel[model]
	if !known {
		return nil
	}
	out := &Source{Name: last.source, LookedAt: last.at, AliasVersion: last.version}
	if last.fault != nil {
		out.Fault = faultText(last.fault)
	}
	return out
}

// faultText returns the text of an error without what only the log may have.
func faultText(err error) string {
	var said *schema.Error
	if errors.As(err, &said) && said.Kind != schema.Internal {
		return said.Message
	}
	return "internal error; see the server's log"
}

// lasts reports whether a fault stays until the file or the definitions change, so
// that reading the file again is no use.
func lasts(err error) bool {
	var said *schema.Error
	return errors.As(err, &said) && (said.Kind == schema.Invalid || said.Kind == schema.FailedPrecondition)
}

// Follow imports versions from the sources until ctx ends.
func (e *Editor) Follow(ctx context.Context) error {
	if e.VersionSources.MLflow == nil && e.VersionSources.Repository == nil || e.Offline == nil {
		return nil
	}
	tick := time.NewTicker(e.VersionSources.Every)
	defer tick.Stop()
	files := repositoryFiles{folder: e.VersionSources.Repository, decided: map[folder.File]decision{}}
	for {
		if e.VersionSources.MLflow != nil {
			e.followAliases(ctx)
		}
		if e.VersionSources.Repository != nil {
			e.takeFiles(ctx, &files)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// looked records a look at a model's source and logs a fault when it is new.
func (e *Editor) looked(ctx context.Context, model string, now look) {
	if ctx.Err() != nil {
		return
	}
	now.at = time.Now()
	now.catalog = e.Registry.Catalog().Version
	if e.looks.set(model, now) {
		e.Logger.Warn("cannot import a model version; what serves stays", "model", model, "source", now.source, "error", now.fault)
	}
	if now.fault != nil {
		e.faults.WithLabelValues(model).Inc()
	}
}

// An arrival is a version to import from a source.
type arrival struct {
	model   string
	version schema.ModelVersion // without its SHA-256
	serve   bool
	by      string
}

// bring stores a file and makes it a version. The version has the same number as in
// its source.
func (e *Editor) bring(ctx context.Context, a arrival, file []byte) error {
	stamp, err := scoring.ReadStamp(file)
	if err != nil {
		return err
	}
	a.version.SHA256 = sumOf(file)
	rest := file
	next := func() (chunk []byte, err error) {
		const most = 1 << 20
		chunk = rest[:min(len(rest), most)]
		rest = rest[len(chunk):]
		return chunk, nil
	}
	if err := e.Registry.PutModel(ctx, a.version.SHA256, int64(len(file)), next); err != nil {
		return err
	}
	done, err := e.Definitions.Amend(ctx, a.by, func(defs *schema.Definitions) error {
		m, err := pushedModel(defs, a.model, "", stamp.Service)
		if err != nil {
			return err
		}
		if had := m.Version(a.version.Version); had != nil && had.SHA256 != a.version.SHA256 {
			return versionTaken(a, had)
		} else if had == nil {
			insertVersion(m, a.version)
		}
		if a.serve && (m.Splits() || m.Served() != a.version.Version) {
			serveAlone(m, a.version.Version)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(done.Changes) > 0 {
		e.Logger.Info("imported a model version", "model", a.model, "version", a.version.Version, "from", a.by, "serve", a.serve)
	}
	return nil
}

func versionTaken(a arrival, had *schema.ModelVersion) error {
	return schema.VersionTaken.Errorf("version %d of model %q already has another file (SHA-256 %.12s…) than in %s (%.12s…); give the new file another number",
		a.version.Version, a.model, had.SHA256, a.by, a.version.SHA256)
}
