package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/jackc/pgx/v5"

	"larder/schema"
)

// channel is the channel that announces new versions to servers.
const channel = "larder_versions"

// applyLock is the advisory lock that one apply holds: "apply" in ASCII.
const applyLock = 0x6170706c79

// A Version is one version of the definitions, as it was applied.
type Version struct {
	Version     int64
	Fingerprint string
	AppliedBy   string
	AppliedAt   time.Time
	RevertsTo   int64 // the version that these definitions come from; 0 for new definitions
}

// A Proposal is a set of definitions, compared with the newest applied version.
type Proposal struct {
	Base      int64           // the version compared with; 0 when none was applied
	Project   string          // whose definitions they are; empty: those of all projects
	Catalog   *schema.Catalog // would be served, as version Base+1
	Changes   []schema.Change // none when the definitions are those of Base
	revertsTo int64
	takenBack []schema.RetiredView // whose rows are in use again
}

// Owns reports whether a definition is of the proposal's project.
func (p *Proposal) Owns(name string) bool {
	return p.Project == "" || p.Project == schema.ProjectOf(name)
}

// Reverts reports whether the definitions are those of an earlier version.
func (p *Proposal) Reverts() bool { return p.revertsTo > 0 }

// Newest returns the newest version and its definitions. The caller may change them.
// Version 0 has none.
func (r *Registry) Newest(ctx context.Context) (int64, *schema.Definitions, error) {
	if err := r.reachable(); err != nil {
		return 0, nil, err
	}
	version, defs, _, err := readNewest(ctx, r.pool)
	return version, defs, unavailable(err)
}

// Propose compares the definitions of a folder with what its project has in the newest
// version. It changes nothing. Definitions without roles and bindings leave those that are
// applied, and roles and bindings alone leave everything else.
func (r *Registry) Propose(ctx context.Context, folder *schema.Definitions) (*Proposal, error) {
	return r.propose(ctx, folder.ProjectName(), func(before *schema.Definitions) *schema.Definitions {
		switch {
		case folder.OnlyAccess():
			return before.WithAccessOf(folder)
		case folder.HasAccess():
			return before.WithProject(folder).WithAccessOf(folder)
		}
		return before.WithProject(folder)
	})
}

// ProposeAll is Propose for the definitions of all projects, with roles and bindings.
func (r *Registry) ProposeAll(ctx context.Context, defs *schema.Definitions) (*Proposal, error) {
	return r.propose(ctx, "", func(*schema.Definitions) *schema.Definitions { return defs })
}

// propose compares what next makes of the newest version with it.
func (r *Registry) propose(ctx context.Context, project string, next func(before *schema.Definitions) *schema.Definitions) (*Proposal, error) {
	if err := r.reachable(); err != nil {
		return nil, err
	}
	var now time.Time
	if err := r.pool.QueryRow(ctx, "SELECT now()").Scan(&now); err != nil {
		return nil, unavailable(err)
	}
	base, before, storage, err := readNewest(ctx, r.pool)
	if err != nil {
		return nil, unavailable(err)
	}
	defs := next(before)
	if err := defs.CheckUses(project); err != nil {
		return nil, err
	}
	stored := storage.Evolve(defs, now.UnixMicro())
	compiled, err := schema.Compile(base+1, defs, stored)
	if err != nil {
		return nil, schema.BadDefinitions.Errorf("%s", err)
	}
	return &Proposal{Base: base, Project: project, Catalog: compiled, Changes: schema.Diff(before, defs, storage, stored), takenBack: storage.TakesBack(stored)}, nil
}

// ProposeVersion compares the definitions that a project had in an earlier version with those
// that it has in the newest. Roles and bindings stay as they are.
func (r *Registry) ProposeVersion(ctx context.Context, project string, version int64) (*Proposal, error) {
	if err := r.reachable(); err != nil {
		return nil, err
	}
	_, defs, _, err := readVersion(ctx, r.pool, version)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, unknownVersion(version)
	}
	if err != nil {
		return nil, unavailable(err)
	}
	p, err := r.propose(ctx, project, func(before *schema.Definitions) *schema.Definitions { return before.WithProject(defs.Folder(project)) })
	if err != nil {
		return nil, err
	}
	p.revertsTo = version
	return p, nil
}

// Commit makes a proposal the newest version, in one transaction, and returns its
// number. seen is the version that the caller knows; another one applied since is an
// error. A proposal without changes changes nothing.
func (r *Registry) Commit(ctx context.Context, p *Proposal, seen int64, by string) (int64, error) {
	version := p.Base
	err := pgx.BeginFunc(ctx, r.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", applyLock); err != nil {
			return err
		}
		var newest int64
		var who string
		err := tx.QueryRow(ctx, "SELECT version, applied_by FROM larder.versions ORDER BY version DESC LIMIT 1").Scan(&newest, &who)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if newest != seen || newest != p.Base {
			return schema.VersionMoved.Errorf("%s applied version %d after you looked at version %d; run larder plan again and review the changes", who, newest, seen)
		}
		if len(p.Changes) == 0 {
			return nil
		}
		if err := stillKept(ctx, tx, p.takenBack); err != nil {
			return err
		}
		if version, err = insertVersion(ctx, tx, p, by); err != nil {
			return err
		}
		if err := putRollouts(ctx, tx, &p.Catalog.Definitions); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "SELECT pg_notify($1, $2)", channel, fmt.Sprint(version))
		return err
	})
	var refused *schema.Error
	if errors.As(err, &refused) {
		return 0, refused
	}
	if err != nil {
		return 0, unavailable(err)
	}
	return version, nil
}

// stillKept refuses a proposal that takes rows back which servers may delete now.
func stillKept(ctx context.Context, tx pgx.Tx, views []schema.RetiredView) error {
	if len(views) == 0 {
		return nil
	}
	var now time.Time
	if err := tx.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&now); err != nil {
		return err
	}
	for _, v := range views {
		if v.KeepUntil <= now.UnixMicro() {
			return schema.VersionMoved.Errorf("the old rows of feature view %q are not kept any more; run larder plan again and review the changes", v.View)
		}
	}
	return nil
}

// StoredViews returns until when, in microseconds since 1970 UTC, the rows of each view
// of the newest version are kept: for ever, or until the given time for those that are
// out of use; and Postgres's clock. A view that is missing is not kept.
func (r *Registry) StoredViews(ctx context.Context) (until map[uint32]int64, now int64, err error) {
	if err := r.reachable(); err != nil {
		return nil, 0, err
	}
	_, _, storage, err := readNewest(ctx, r.pool)
	if err != nil {
		return nil, 0, unavailable(err)
	}
	var clock time.Time
	if err := r.pool.QueryRow(ctx, "SELECT now()").Scan(&clock); err != nil {
		return nil, 0, unavailable(err)
	}
	until = map[uint32]int64{}
	for _, v := range storage.Views {
		until[v.ID] = math.MaxInt64
	}
	for _, v := range storage.Retired {
		until[v.ID] = v.KeepUntil
	}
	return until, clock.UnixMicro(), nil
}

func insertVersion(ctx context.Context, tx pgx.Tx, p *Proposal, by string) (int64, error) {
	definitions, err := json.Marshal(&p.Catalog.Definitions)
	if err != nil {
		return 0, err
	}
	storage, err := json.Marshal(p.Catalog.Storage)
	if err != nil {
		return 0, err
	}
	var revertsTo *int64
	if p.revertsTo > 0 {
		revertsTo = &p.revertsTo
	}
	_, err = tx.Exec(ctx, `INSERT INTO larder.versions (version, definitions, storage, fingerprint, applied_by, reverts_to)
		VALUES ($1, $2, $3, $4, $5, $6)`, p.Catalog.Version, string(definitions), string(storage), p.Catalog.Fingerprint, by, revertsTo)
	return p.Catalog.Version, err
}

// sameClock is how far two clocks may be apart and still be called the same: each
// Postgres is seen through a network and a scheduler.
const sameClock = time.Second

// newest returns the number of the newest version, 0 when none was applied, and by how
// much this machine's clock is ahead of Postgres's, 0 when they are the same.
func (r *Registry) newest(ctx context.Context) (version int64, ahead time.Duration, err error) {
	asked := time.Now()
	var clock time.Time
	err = r.pool.QueryRow(ctx, "SELECT coalesce(max(version), 0), clock_timestamp() FROM larder.versions").Scan(&version, &clock)
	if err != nil {
		return 0, 0, describe(err)
	}
	// Postgres read its clock between the question and the answer.
	if answered := time.Now(); clock.Before(asked.Add(-sameClock)) {
		ahead = asked.Sub(clock)
	} else if clock.After(answered.Add(sameClock)) {
		ahead = answered.Sub(clock)
	}
	return version, ahead, nil
}

// compileVersion returns the catalog of a version; version 0 is the empty one.
func (r *Registry) compileVersion(ctx context.Context, version int64) (*schema.Catalog, error) {
	if version == 0 {
		return schema.Compile(0, &schema.Definitions{}, schema.Storage{})
	}
	_, defs, storage, err := readVersion(ctx, r.pool, version)
	if err != nil {
		return nil, describe(err)
	}
	return schema.Compile(version, defs, storage)
}
