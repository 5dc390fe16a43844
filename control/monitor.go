package control

import (
	"context"
	"time"

	larderv1 "larder/api/larder/v1"
	"larder/control/monitoring"
	"larder/monitor/drift"
	"larder/schema"
)

// longestDrift bounds the time that GetDrift looks at.
const longestDrift = 90 * 24 * time.Hour

// GetDrift compares what a model's version is fed with its reference.
func (s *Server) GetDrift(ctx context.Context, req *larderv1.GetDriftRequest) (*larderv1.GetDriftResponse, error) {
	plan, err := s.Registry.Catalog().ModelPlan(req.GetModel(), req.GetModelVersion())
	if err != nil {
		return nil, err
	}
	until := time.Now()
	if req.Until != nil {
		until = time.UnixMicro(req.GetUntil())
	}
	since := until.Add(-24 * time.Hour)
	if req.Since != nil {
		since = time.UnixMicro(req.GetSince())
	}
	if span := until.Sub(since); span <= 0 || span > longestDrift {
		return nil, schema.BadTime.Errorf("since must be before until, and at most 90 days before it")
	}
	report, err := monitoring.Store{Registry: s.Registry}.Report(ctx, plan, since, until)
	if err != nil {
		return nil, err
	}
	out := &larderv1.GetDriftResponse{
		Model: plan.Model.Name, ModelVersion: plan.ModelVersion.Version, Since: since.UnixMicro(), Until: until.UnixMicro(),
		Dataset: report.Dataset, ReferenceRows: report.ReferenceRows, Rows: report.Rows, Windows: int64(report.Windows), Missing: report.Missing,
	}
	for i := range report.Columns {
		out.Columns = append(out.Columns, driftMessage(&report.Columns[i]))
	}
	return out, nil
}

func driftMessage(c *monitoring.Column) *larderv1.ColumnDrift {
	m := &larderv1.ColumnDrift{
		Name: c.Name, Kind: "categories", ReferenceRows: c.Reference.Rows, Rows: c.Now.Rows,
		ReferenceMissing: share(c.Reference.Nulls+c.Reference.NotFinite, c.Reference.Rows), Missing: share(c.Now.Nulls+c.Now.NotFinite, c.Now.Rows),
		Psi: c.Pair.PSI(), JensenShannon: c.Pair.JensenShannon(), TotalVariation: c.Pair.TotalVariation(), Wasserstein: c.Deviations,
		ChiSquareP: c.Pair.ChiSquare().P, Unseen: c.Pair.Unseen(), Vanished: c.Pair.Vanished(), Change: c.Change(),
	}
	if c.Kind == drift.Numbers {
		m.Kind, m.KolmogorovSmirnov = "numbers", c.Pair.KolmogorovSmirnov()
	}
	if c.Open != nil {
		m.Drifts, m.Importance, m.DriftsSince = true, c.Open.Importance, c.OpenSince
	}
	return m
}

func share(part, of int64) float64 {
	if of == 0 {
		return 0
	}
	return float64(part) / float64(of)
}
