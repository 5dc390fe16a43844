package control

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	larderv1 "larder/api/larder/v1"
	"larder/schema"
	"larder/store/registry"
	"larder/vector"
)

// awaitTimeout bounds how long Apply waits until its own server serves what was applied.
const awaitTimeout = 30 * time.Second

// Plan answers what applying definitions would change. Sources are looked at,
// so that a table that isn't there is known before anything is applied.
func (s *Server) Plan(ctx context.Context, req *larderv1.PlanRequest) (*larderv1.PlanResponse, error) {
	defs, err := readDefinitions(req.GetDefinitions(), req.GetFiles())
	if err != nil {
		return nil, err
	}
	p, notes, err := s.proposeFolder(ctx, defs)
	if err != nil {
		return nil, err
	}
	if err := s.checkSources(ctx, p.Catalog); err != nil {
		return nil, err
	}
	missing, err := s.Registry.MissingModels(ctx, modelSums(p.Catalog))
	if err != nil {
		return nil, err
	}
	return &larderv1.PlanResponse{BaseVersion: p.Base, Changes: changeMessages(p.Changes), MissingModels: missing, Notes: notes}, nil
}

// Apply makes definitions the newest version and waits until this server serves it.
func (s *Server) Apply(ctx context.Context, req *larderv1.ApplyRequest) (*larderv1.ApplyResponse, error) {
	p, seen, notes, err := s.proposal(ctx, req)
	if err != nil {
		return nil, err
	}
	version, reports, err := s.commit(ctx, p, seen, req.GetAppliedBy())
	if err != nil {
		return nil, err
	}
	return &larderv1.ApplyResponse{Version: version, Changes: changeMessages(p.Changes), Models: reports, Notes: notes}, nil
}

func (s *Server) proposal(ctx context.Context, req *larderv1.ApplyRequest) (p *registry.Proposal, seen int64, notes []string, err error) {
	if to := req.GetToVersion(); to != 0 {
		p, err := s.Registry.ProposeVersion(ctx, to)
		if err != nil {
			return nil, 0, nil, err
		}
		if req.GetBaseVersion() == 0 { // going back needs no look at what is there now
			return p, p.Base, nil, nil
		}
		return p, req.GetBaseVersion(), nil, nil
	}
	defs, err := readDefinitions(req.GetDefinitions(), req.GetFiles())
	if err != nil {
		return nil, 0, nil, err
	}
	p, notes, err = s.proposeFolder(ctx, defs)
	return p, req.GetBaseVersion(), notes, err
}

// proposeFolder is propose for all definitions of a folder: what was pushed stays.
func (s *Server) proposeFolder(ctx context.Context, defs *schema.Definitions) (*registry.Proposal, []string, error) {
	notes, err := s.keepPushed(ctx, defs)
	if err != nil {
		return nil, nil, err
	}
	p, err := s.propose(ctx, defs)
	return p, notes, withNotes(err, notes)
}

func (s *Server) propose(ctx context.Context, defs *schema.Definitions) (*registry.Proposal, error) {
	p, err := s.Registry.Propose(ctx, defs)
	if err != nil {
		return nil, err
	}
	return p, vector.CheckExpressions(p.Catalog)
}

// commit checks what a proposal names and makes it the newest version, unless
// another than the one that was seen came between. It waits until this server
// serves it.
func (s *Server) commit(ctx context.Context, p *registry.Proposal, seen int64, by string) (int64, []*larderv1.ModelReport, error) {
	if err := s.checkSources(ctx, p.Catalog); err != nil {
		return 0, nil, err
	}
	reports, err := s.checkModels(ctx, p)
	if err != nil {
		return 0, nil, err
	}
	version, err := s.Registry.Commit(ctx, p, seen, shownName(by))
	if err != nil {
		return 0, nil, err
	}
	wait, cancel := context.WithTimeoutCause(ctx, awaitTimeout, errors.New("it is still being loaded"))
	defer cancel()
	if err := s.Registry.Await(wait, version); err != nil {
		return 0, nil, &schema.Error{
			Kind: schema.FailedPrecondition, Reason: "NOT_SERVED", Err: err,
			Message: fmt.Sprintf("version %d was applied, but this server does not serve it; larder status says why", version),
		}
	}
	return version, reports, nil
}

// shownName is who applies, fit for the record.
func shownName(by string) string {
	const most = 200
	if by == "" {
		return "unknown"
	}
	return strings.ToValidUTF8(by[:min(len(by), most)], "?")
}

// checkSources looks at the source of each view, and of each model's labels, that is
// new or changed.
func (s *Server) checkSources(ctx context.Context, next *schema.Catalog) error {
	serving := s.Registry.Catalog()
	var faults []error
	for _, v := range next.Views() {
		if old, err := serving.View(v.Name); err == nil && old.ID == v.ID &&
			reflect.DeepEqual(old.FeatureView, v.FeatureView) && reflect.DeepEqual(old.Origin, v.Origin) {
			continue
		}
		if err := s.Offline.Check(ctx, v); err != nil {
			faults = append(faults, err)
		}
	}
	for i := range next.Definitions.Models {
		m := &next.Definitions.Models[i]
		v := next.LabelsView(m)
		if v == nil || sameLabels(v, serving.LabelsView(cmp.Or(serving.Definitions.Model(m.Name), &schema.Model{}))) {
			continue
		}
		if err := s.Offline.Check(ctx, v); err != nil {
			faults = append(faults, err)
		}
	}
	return joinFaults("BAD_SOURCE", faults)
}

func sameLabels(a, b *schema.View) bool {
	return b != nil && reflect.DeepEqual(a.FeatureView, b.FeatureView) && reflect.DeepEqual(a.Keys, b.Keys) && reflect.DeepEqual(a.Origin, b.Origin)
}

// ListVersions answers the newest versions of the definitions.
func (s *Server) ListVersions(ctx context.Context, req *larderv1.ListVersionsRequest) (*larderv1.ListVersionsResponse, error) {
	versions, err := s.Registry.Versions(ctx, listLimit(req.GetLimit()))
	if err != nil {
		return nil, err
	}
	out := &larderv1.ListVersionsResponse{}
	for _, v := range versions {
		out.Versions = append(out.Versions, &larderv1.Version{
			Version: v.Version, Fingerprint: v.Fingerprint, AppliedBy: v.AppliedBy, AppliedAt: v.AppliedAt.UnixMicro(), RevertsTo: v.RevertsTo,
		})
	}
	return out, nil
}

func changeMessages(changes []schema.Change) []*larderv1.Change {
	out := make([]*larderv1.Change, len(changes))
	for i, c := range changes {
		out[i] = &larderv1.Change{
			Action: larderv1.Change_Action(c.Action), Noun: c.Noun, Name: c.Name, Field: c.Field,
			Before: c.Before, After: c.After, Effect: c.Effect,
		}
	}
	return out
}
