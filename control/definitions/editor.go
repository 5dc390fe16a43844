package definitions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"larder/internal/egress"
	"larder/schema"
	"larder/scoring"
	"larder/store/eventlog"
	"larder/store/offline"
	"larder/store/online"
	"larder/store/registry"
	"larder/vector"
)

// Options configure an Editor. Every field is required unless its comment says otherwise.
type Options struct {
	Registry *registry.Registry
	Offline  *offline.Store  // nil on a server without Postgres
	Logs     *eventlog.Store // the same
	Online   *online.Store
	Models   *scoring.Set
	Logger   *slog.Logger
	// Hosts are those that brokers and schema registries of streams may be at. Nil allows all
	// but link-local addresses.
	Hosts *egress.Hosts
	// May returns why the caller of a request may not make some changes of a project; nil
	// where it may.
	May func(ctx context.Context, project string, changes []schema.Change) error
	// MayRead returns why the caller may not use definitions of other projects.
	MayRead func(ctx context.Context, uses []schema.Reference) error
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
	Notes         []string // what the definitions leave out and Larder keeps, and what is not checked
	Reports       []Report // one per version of each model whose file is there
}

// A Report says which inputs a model version gets, and which of its outputs is the
// score.
type Report struct {
	Plan *schema.Plan
	*scoring.Checked
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

// Plan returns what applying the definitions of a folder would change. It refuses what
// [Editor.Apply] would refuse, except losses, and models whose files the registry lacks.
func (e *Editor) Plan(ctx context.Context, folder *schema.Definitions) (*Plan, error) {
	return e.plan(ctx, e.ofFolder(folder))
}

// PlanVersion returns what applying again what a project had in an earlier version would
// change.
func (e *Editor) PlanVersion(ctx context.Context, project string, to int64) (*Plan, error) {
	return e.plan(ctx, e.ofVersion(project, to))
}

// A proposer makes a proposal on top of the newest version, with notes.
type proposer func(ctx context.Context) (*registry.Proposal, []string, error)

func (e *Editor) plan(ctx context.Context, propose proposer) (*Plan, error) {
	p, notes, err := propose(ctx)
	if err != nil {
		return nil, err
	}
	missing, err := e.Registry.MissingModels(ctx, modelSums(p.Catalog))
	if err != nil {
		return nil, err
	}
	reports, err := e.checkModels(ctx, p, missing)
	if err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		notes = append(notes, "models whose files are not in the registry yet are not checked; larder plan DIR sends them")
	}
	return &Plan{Base: p.Base, Changes: p.Changes, MissingModels: missing, Notes: notes, Reports: reports}, nil
}

// Apply makes the definitions of a folder those of its project, in a new version, and waits
// until this server serves it. It returns an error if others have changed the project since
// the version seen, or if the definitions delete something, or store it anew, that is not in
// allowed.
func (e *Editor) Apply(ctx context.Context, folder *schema.Definitions, seen int64, by string, allowed []string) (*Applied, error) {
	return e.apply(ctx, e.ofFolder(folder), seen, by, allowed)
}

// Revert applies again what a project had in an earlier version, as [Editor.Apply] does.
// With seen 0 it does not check what others have changed.
func (e *Editor) Revert(ctx context.Context, project string, to, seen int64, by string, allowed []string) (*Applied, error) {
	return e.apply(ctx, e.ofVersion(project, to), seen, by, allowed)
}

// apply tries again when another project is applied at the same time.
func (e *Editor) apply(ctx context.Context, propose proposer, seen int64, by string, allowed []string) (*Applied, error) {
	for tries := 1; ; tries++ {
		p, notes, err := propose(ctx)
		if err != nil {
			return nil, err
		}
		if err := e.May(ctx, p.Project, p.Changes); err != nil {
			return nil, err
		}
		if err := refuseLosses(p.Changes, allowed); err != nil {
			return nil, err
		}
		current, err := e.current(ctx, p, seen)
		if err != nil {
			return nil, err
		}
		done, err := e.commit(ctx, p, current, by)
		if isMoved(err) && current == p.Base && tries < maxTries {
			continue
		}
		if err != nil {
			return nil, err
		}
		done.Notes = slices.Concat(notes, done.Notes)
		return done, nil
	}
}

// current returns the version that counts as seen: the one that a proposal is based on if
// its project, and who may do what, are in it as in the version that the caller saw.
func (e *Editor) current(ctx context.Context, p *registry.Proposal, seen int64) (int64, error) {
	if seen == p.Base || p.Base == 0 || seen == 0 && !p.Reverts() {
		return seen, nil
	}
	if seen == 0 {
		return p.Base, nil
	}
	_, then, err := e.Registry.Version(ctx, seen)
	if err != nil {
		return 0, err
	}
	_, now, err := e.Registry.Version(ctx, p.Base)
	if err != nil {
		return 0, err
	}
	if then.Folder(p.Project).WithAccessOf(then).Fingerprint() == now.Folder(p.Project).WithAccessOf(now).Fingerprint() {
		return p.Base, nil
	}
	return seen, nil
}

func isMoved(err error) bool {
	var said *schema.Error
	return errors.As(err, &said) && said.Reason == schema.VersionMoved
}

// Versions returns the newest versions, at most limit.
func (e *Editor) Versions(ctx context.Context, limit int) ([]registry.Version, error) {
	return e.Registry.Versions(ctx, limit)
}

// ofVersion proposes what a project had in an earlier version. It checks the sources that
// would change.
func (e *Editor) ofVersion(project string, to int64) proposer {
	return func(ctx context.Context) (*registry.Proposal, []string, error) {
		if err := e.May(ctx, project, nil); err != nil {
			return nil, nil, err
		}
		p, err := e.Registry.ProposeVersion(ctx, project, to)
		if err != nil {
			return nil, nil, err
		}
		notes, err := e.checkSources(ctx, p, changedSources)
		return p, notes, err
	}
}

// ofFolder proposes the definitions of a folder. It keeps what was pushed, and checks all
// sources of the project.
func (e *Editor) ofFolder(folder *schema.Definitions) proposer {
	return func(ctx context.Context) (*registry.Proposal, []string, error) {
		if folder.IsEmpty() && folder.Project == "" {
			return nil, nil, schema.BadDefinitions.Errorf("the definitions are empty: applying them would delete everything; send at least one entity")
		}
		if err := e.May(ctx, folder.ProjectName(), nil); err != nil {
			return nil, nil, err
		}
		if err := e.MayRead(ctx, folder.Foreign()); err != nil {
			return nil, nil, err
		}
		defs := *folder // keepPushed adds to its models
		defs.Models = slices.Clone(folder.Models)
		for i := range defs.Models {
			defs.Models[i].Versions = slices.Clone(defs.Models[i].Versions)
		}
		var notes []string
		if !defs.OnlyAccess() {
			var err error
			if notes, err = e.keepPushed(ctx, &defs); err != nil {
				return nil, nil, err
			}
		}
		p, err := sound(e.Registry.Propose(ctx, &defs))
		if err != nil {
			return nil, nil, withNotes(err, notes)
		}
		found, err := e.checkSources(ctx, p, allSources)
		return p, append(notes, found...), err
	}
}

// sound returns a proposal, or what is wrong with its expressions.
func sound(p *registry.Proposal, err error) (*registry.Proposal, error) {
	if err != nil {
		return nil, err
	}
	return p, vector.CheckExpressions(p.Catalog)
}

// commit checks the models of a proposal, makes it the newest version and waits until
// this server serves it. It returns an error if the newest version is not seen.
func (e *Editor) commit(ctx context.Context, p *registry.Proposal, seen int64, by string) (*Applied, error) {
	missing, err := e.Registry.MissingModels(ctx, modelSums(p.Catalog))
	if err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		return nil, missingModels(missing)
	}
	reports, err := e.checkModels(ctx, p, nil)
	if err != nil {
		return nil, err
	}
	if err := e.createLogs(ctx, p.Catalog); err != nil {
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
