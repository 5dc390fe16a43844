package control

import (
	"context"
	"errors"
	"fmt"
	"strings"

	larderv1 "larder/api/larder/v1"
	"larder/schema"
	"larder/scoring"
	"larder/store/registry"
)

func modelSums(c *schema.Catalog) []string {
	plans := c.ModelPlans()
	sums := make([]string, len(plans))
	for i, p := range plans {
		sums[i] = p.ModelVersion.SHA256
	}
	return sums
}

// checkModels reads each model file, binds it to its feature service and runs it.
func (s *Server) checkModels(ctx context.Context, next *registry.Proposal) ([]*larderv1.ModelReport, error) {
	missing, err := s.Registry.MissingModels(ctx, modelSums(next.Catalog))
	if err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		return nil, missingModels(missing)
	}
	var reports []*larderv1.ModelReport
	var faults []error
	for _, p := range next.Catalog.ModelPlans() {
		binding, err := s.checkModel(ctx, p, !next.Reverts() && !s.knows(p))
		if err != nil {
			faults = append(faults, fmt.Errorf("model %q version %d: %w", p.Model.Name, p.ModelVersion.Version, err))
			continue
		}
		reports = append(reports, reportMessage(p, binding))
	}
	return reports, joinFaults("BAD_MODEL", faults)
}

func missingModels(sums []string) error {
	return schema.Errorf(schema.FailedPrecondition, "MODEL_FILE_MISSING", "the registry lacks model files: %s; `larder apply DIR` sends them", strings.Join(sums, ", "))
}

// checkModel refuses a model that can't be scored, or that was trained on other
// features. That they have other values than in its training is held against new
// versions only: else no definition could change before its models are trained
// on what it is to be.
func (s *Server) checkModel(ctx context.Context, p *schema.Plan, isNew bool) (*scoring.Binding, error) {
	file, err := s.Registry.ModelFile(ctx, p.ModelVersion.SHA256)
	if err != nil {
		return nil, err
	}
	stamp, err := scoring.ReadStamp(file)
	if err != nil {
		return nil, err
	}
	if err := stamp.CheckFeatures(p); err != nil {
		return nil, err
	}
	if isNew {
		if err := stamp.CheckFingerprint(p); err != nil {
			return nil, err
		}
	}
	return s.Models.Check(ctx, p, file)
}

// knows tells whether a plan's model version is one that serves already.
func (s *Server) knows(p *schema.Plan) bool {
	old, err := s.Registry.Catalog().ModelPlan(p.Model.Name, p.ModelVersion.Version)
	return err == nil && old.ModelVersion.SHA256 == p.ModelVersion.SHA256 && old.Service.Name == p.Service.Name
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
