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

// Sources are where versions of models come from by themselves.
type Sources struct {
	MLflow     *mlflow.Client // nil: aliases are not followed
	Repository *folder.Folder // nil: there is none
	Every      time.Duration  // how often each is looked at; defaults to 10 seconds
}

// A look is what one model's source was found to be.
type look struct {
	source  string // as in "mlflow fraud@champion"
	at      time.Time
	version int64 // that an alias names
	fault   error // nil when all is well
	catalog int64 // that served then
}

// looks are the last of each model.
type looks struct {
	mu      sync.Mutex
	byModel map[string]look
}

// set records a look and tells whether its fault is news.
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

// A Source is what is known of where a model's versions come from by themselves.
type Source struct {
	Name         string // as in "mlflow fraud@champion"
	LookedAt     time.Time
	AliasVersion int64  // that the alias names
	Fault        string // why no version is brought; empty when all is well
}

// source returns what is known of a model's source; nil when it has none.
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

// faultText is an error as everybody may see it.
func faultText(err error) string {
	var said *schema.Error
	if errors.As(err, &said) && said.Kind != schema.Internal {
		return said.Message
	}
	return "it failed; the server's log says why"
}

// lasts tells whether a fault is found again until the file or the definitions
// change: reading the file anew is of no use.
func lasts(err error) bool {
	var said *schema.Error
	return errors.As(err, &said) && (said.Kind == schema.Invalid || said.Kind == schema.FailedPrecondition)
}

// Follow brings versions from where they come by themselves until ctx ends.
func (e *Editor) Follow(ctx context.Context) error {
	if e.Sources.MLflow == nil && e.Sources.Repository == nil || e.Offline == nil {
		return nil
	}
	tick := time.NewTicker(e.Sources.Every)
	defer tick.Stop()
	files := repositoryFiles{folder: e.Sources.Repository, decided: map[folder.File]decision{}}
	for {
		if e.Sources.MLflow != nil {
			e.followAliases(ctx)
		}
		if e.Sources.Repository != nil {
			e.takeFiles(ctx, &files)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// looked records a look at a model's source, and says what is wrong when it is news.
func (e *Editor) looked(ctx context.Context, model string, now look) {
	if ctx.Err() != nil {
		return
	}
	now.at = time.Now()
	now.catalog = e.Registry.Catalog().Version
	if e.looks.set(model, now) {
		e.Logger.Warn("no version of a model is brought; what serves stays", "model", model, "source", now.source, "error", now.fault)
	}
	if now.fault != nil {
		e.faults.WithLabelValues(model).Inc()
	}
}

// An arrival is a version that a source brings.
type arrival struct {
	model   string
	version schema.ModelVersion // but for its SHA-256
	serve   bool
	by      string
}

// bring stores a file and makes it a version under the number that it has where
// it comes from.
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
		e.Logger.Info("a version of a model was brought", "model", a.model, "version", a.version.Version, "from", a.by, "serve", a.serve)
	}
	return nil
}

func versionTaken(a arrival, had *schema.ModelVersion) error {
	return schema.Errorf(schema.FailedPrecondition, "VERSION_TAKEN", "version %d of model %q is another file here (SHA-256 %.12s…) than in %s (%.12s…); give that one another number",
		a.version.Version, a.model, had.SHA256, a.by, a.version.SHA256)
}
