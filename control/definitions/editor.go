package definitions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"larder/schema"
	"larder/scoring"
	"larder/store/offline"
	"larder/store/online"
	"larder/store/registry"
	"larder/vector"
)

// Options configure an Editor. Every field is required unless its comment says otherwise.
type Options struct {
	Registry *registry.Registry
	Offline  *offline.Store // nil on a server without Postgres
	Online   *online.Store
	Models   *scoring.Set
	Logger   *slog.Logger
}

// An Editor changes the definitions. It is safe for concurrent use.
type Editor struct{ Options }

// New returns an Editor.
func New(opts Options) *Editor { return &Editor{opts} }

// A Plan is what applying definitions would change.
type Plan struct {
	Base          int64 // the version that the definitions were compared with
	Changes       []schema.Change
	MissingModels []string // the SHA-256 of each model file that the registry lacks
	Notes         []string // what the definitions leave out and Larder keeps
}

// A Report says which inputs a model version gets, and which of its outputs is the
// score.
type Report struct {
	Plan    *schema.Plan
	Binding *scoring.Binding
}

// An Applied is the result of a change of the definitions.
type Applied struct {
	Version int64
	Changes []schema.Change
	Reports []Report // one per version of each model
	Notes   []string // as in a [Plan], and what serves until the version does
}

// awaitTimeout bounds how long a change waits for its own server to serve it.
const awaitTimeout = 30 * time.Second

// Plan returns what applying the definitions of a folder would change. It checks the
// sources, so that a missing table shows before anything is applied.
func (e *Editor) Plan(ctx context.Context, defs *schema.Definitions) (*Plan, error) {
	p, notes, err := e.proposeFolder(ctx, defs)
	if err != nil {
		return nil, err
	}
	found, err := e.checkSources(ctx, p.Catalog, allSources)
	if err != nil {
		return nil, err
	}
	notes = append(notes, found...)
	missing, err := e.Registry.MissingModels(ctx, modelSums(p.Catalog))
	if err != nil {
		return nil, err
	}
	return &Plan{Base: p.Base, Changes: p.Changes, MissingModels: missing, Notes: notes}, nil
}

// Apply makes the definitions of a folder the newest version and waits until this
// server serves them. It returns an error if the newest version is not seen.
func (e *Editor) Apply(ctx context.Context, defs *schema.Definitions, seen int64, by string) (*Applied, error) {
	p, notes, err := e.proposeFolder(ctx, defs)
	if err != nil {
		return nil, err
	}
	found, err := e.checkSources(ctx, p.Catalog, allSources)
	if err != nil {
		return nil, err
	}
	done, err := e.commit(ctx, p, seen, by)
	if err != nil {
		return nil, err
	}
	done.Notes = slices.Concat(notes, found, done.Notes)
	return done, nil
}

// Revert makes the definitions of an earlier version the newest. With seen 0 it does
// not check which version is the newest now.
func (e *Editor) Revert(ctx context.Context, to, seen int64, by string) (*Applied, error) {
	p, err := e.Registry.ProposeVersion(ctx, to)
	if err != nil {
		return nil, err
	}
	if seen == 0 {
		seen = p.Base
	}
	if _, err := e.checkSources(ctx, p.Catalog, changedSources); err != nil {
		return nil, err
	}
	return e.commit(ctx, p, seen, by)
}

// Versions returns the newest versions, at most limit.
func (e *Editor) Versions(ctx context.Context, limit int) ([]registry.Version, error) {
	return e.Registry.Versions(ctx, limit)
}

// proposeFolder is propose for a whole folder. It keeps what was pushed.
func (e *Editor) proposeFolder(ctx context.Context, defs *schema.Definitions) (*registry.Proposal, []string, error) {
	if defs.IsEmpty() {
		return nil, nil, schema.BadDefinitions.Errorf("the definitions are empty: applying them would delete everything; send at least one entity")
	}
	notes, err := e.keepPushed(ctx, defs)
	if err != nil {
		return nil, nil, err
	}
	p, err := e.propose(ctx, defs)
	return p, notes, withNotes(err, notes)
}

func (e *Editor) propose(ctx context.Context, defs *schema.Definitions) (*registry.Proposal, error) {
	p, err := e.Registry.Propose(ctx, defs)
	if err != nil {
		return nil, err
	}
	return p, vector.CheckExpressions(p.Catalog)
}

// commit checks the models of a proposal, makes it the newest version and waits until
// this server serves it. It returns an error if the newest version is not seen.
func (e *Editor) commit(ctx context.Context, p *registry.Proposal, seen int64, by string) (*Applied, error) {
	reports, err := e.checkModels(ctx, p)
	if err != nil {
		return nil, err
	}
	version, err := e.Registry.Commit(ctx, p, seen, shownName(by))
	if err != nil {
		return nil, err
	}
	wait, cancel := context.WithTimeoutCause(ctx, awaitTimeout, errors.New("the server is still loading it"))
	defer cancel()
	if err := e.Registry.Await(wait, version); err != nil {
		return nil, schema.NotServed.Wrap(err, "version %d was applied, but this server does not serve it; larder status shows why", version)
	}
	done := &Applied{Version: version, Changes: p.Changes, Reports: reports}
	if b := e.Registry.State().Building; b != nil && b.Version == version {
		done.Notes = []string{fmt.Sprintf("version %d serves until %s filled beside the old rows, and at most until %s; larder status shows how far that is",
			e.Registry.Catalog().Version, areFilled(b.Views), b.Until.UTC().Format(time.RFC3339))}
	}
	return done, nil
}

func areFilled(views []string) string {
	if len(views) == 1 {
		return "feature view " + views[0] + " is"
	}
	return "feature views " + strings.Join(views, ", ") + " are"
}

// shownName returns the name of who applies, shortened and made valid UTF-8.
func shownName(by string) string {
	const most = 200
	if by == "" {
		return "unknown"
	}
	return strings.ToValidUTF8(by[:min(len(by), most)], "?")
}
