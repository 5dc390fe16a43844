package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	larderv1 "larder/api/larder/v1"
	"larder/schema"
	"larder/scoring"
	"larder/store/registry"
	"larder/vector"
)

// awaitTimeout bounds how long Apply waits until its own server serves what was applied.
const awaitTimeout = 30 * time.Second

// Plan answers what applying definitions would change. Sources are looked at,
// so that a table that isn't there is known before anything is applied.
func (s *Server) Plan(ctx context.Context, req *larderv1.PlanRequest) (*larderv1.PlanResponse, error) {
	p, err := s.propose(ctx, req.GetDefinitions())
	if err != nil {
		return nil, err
	}
	if err := s.checkSources(ctx, p.Catalog); err != nil {
		return nil, err
	}
	return &larderv1.PlanResponse{BaseVersion: p.Base, Changes: changeMessages(p.Changes)}, nil
}

// Apply makes definitions the newest version and waits until this server serves it.
func (s *Server) Apply(ctx context.Context, req *larderv1.ApplyRequest) (*larderv1.ApplyResponse, error) {
	p, seen, err := s.proposal(ctx, req)
	if err != nil {
		return nil, err
	}
	if err := s.checkSources(ctx, p.Catalog); err != nil {
		return nil, err
	}
	reports, err := s.checkModels(ctx, p.Catalog)
	if err != nil {
		return nil, err
	}
	version, err := s.Registry.Commit(ctx, p, seen, appliedBy(req))
	if err != nil {
		return nil, err
	}
	wait, cancel := context.WithTimeoutCause(ctx, awaitTimeout, errors.New("it is still being loaded"))
	defer cancel()
	if err := s.Registry.Await(wait, version); err != nil {
		return nil, &schema.Error{
			Kind: schema.FailedPrecondition, Reason: "NOT_SERVED", Err: err,
			Message: fmt.Sprintf("version %d was applied, but this server does not serve it; larder status says why", version),
		}
	}
	return &larderv1.ApplyResponse{Version: version, Changes: changeMessages(p.Changes), Models: reports}, nil
}

func (s *Server) proposal(ctx context.Context, req *larderv1.ApplyRequest) (*registry.Proposal, int64, error) {
	if to := req.GetToVersion(); to != 0 {
		p, err := s.Registry.ProposeVersion(ctx, to)
		if err != nil {
			return nil, 0, err
		}
		if req.GetBaseVersion() == 0 { // going back needs no look at what is there now
			return p, p.Base, nil
		}
		return p, req.GetBaseVersion(), nil
	}
	p, err := s.propose(ctx, req.GetDefinitions())
	return p, req.GetBaseVersion(), err
}

func (s *Server) propose(ctx context.Context, raw []byte) (*registry.Proposal, error) {
	defs := new(schema.Definitions)
	strict := json.NewDecoder(bytes.NewReader(raw))
	strict.DisallowUnknownFields() // of a newer client's: what is left out would not be what was meant
	if err := strict.Decode(defs); err != nil {
		return nil, schema.Errorf(schema.Invalid, "BAD_DEFINITIONS", "the definitions can't be read: %v", err)
	}
	p, err := s.Registry.Propose(ctx, defs)
	if err != nil {
		return nil, err
	}
	return p, vector.CheckExpressions(p.Catalog)
}

func appliedBy(req *larderv1.ApplyRequest) string {
	const most = 200
	by := strings.ToValidUTF8(req.GetAppliedBy(), "?")
	if by == "" {
		return "unknown"
	}
	return by[:min(len(by), most)]
}

// checkSources looks at the source of each view that is new or changed.
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
	return joinFaults("BAD_SOURCE", faults)
}

// checkModels reads each model file, binds it to its feature service and runs it.
func (s *Server) checkModels(ctx context.Context, next *schema.Catalog) ([]*larderv1.ModelReport, error) {
	plans := next.ModelPlans()
	sums := make([]string, len(plans))
	for i, p := range plans {
		sums[i] = p.ModelVersion.SHA256
	}
	missing, err := s.Registry.MissingModels(ctx, sums)
	if err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		return nil, schema.Errorf(schema.FailedPrecondition, "MODEL_FILE_MISSING", "the registry lacks model files: %s; `larder apply DIR` sends them", strings.Join(missing, ", "))
	}
	var reports []*larderv1.ModelReport
	var faults []error
	for _, p := range plans {
		binding, err := s.bind(ctx, p)
		if err != nil {
			faults = append(faults, fmt.Errorf("model %q version %d: %w", p.Model.Name, p.ModelVersion.Version, err))
			continue
		}
		reports = append(reports, reportMessage(p, binding))
	}
	return reports, joinFaults("BAD_MODEL", faults)
}

func (s *Server) bind(ctx context.Context, p *schema.Plan) (*scoring.Binding, error) {
	file, err := s.Registry.ModelFile(ctx, p.ModelVersion.SHA256)
	if err != nil {
		return nil, err
	}
	return s.Models.Check(ctx, p, file)
}

// joinFaults makes one error of faults that the caller can mend; anything else
// among them goes first and alone.
func joinFaults(reason string, faults []error) error {
	if len(faults) == 0 {
		return nil
	}
	lines := make([]string, len(faults))
	for i, err := range faults {
		var said *schema.Error
		if !errors.As(err, &said) || said.Kind != schema.Invalid && said.Kind != schema.NotFound {
			return err
		}
		lines[i] = strings.Replace(err.Error(), said.Error(), said.Message, 1)
	}
	return schema.Errorf(schema.Invalid, reason, "%s", strings.Join(lines, "\n"))
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
