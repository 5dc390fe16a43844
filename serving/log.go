package serving

import (
	"slices"
	"time"

	"larder/featurelog"
	"larder/schema"
	"larder/scoring"
	"larder/vector"
)

// A logged says whether a request is logged, and what is known of it before it
// is answered.
type logged struct {
	wanted bool
	id     uint64
	began  time.Time
}

// logs decides whether the request that c answers is logged.
func (s *Server) logs(c *call) logged {
	if s.opts.FeatureLog == nil {
		return logged{}
	}
	id, wanted := featurelog.Sampled(c.shape.plan.Model)
	if !wanted {
		return logged{}
	}
	return logged{true, id, time.Now()}
}

// entry returns what is logged of a request that was scored. What the request
// sent is not written to any more; all else is copied.
func (c *call) entry(l logged, binding *scoring.Binding, run *scoring.Run) *featurelog.Entry {
	rows, views := c.batch.Rows(), len(c.shape.plan.Views)
	e := &featurelog.Entry{
		Plan: c.shape.plan, ID: l.id, At: c.batch.Now(), Rows: rows, Latency: time.Since(l.began),
		Keys: ownColumns(c.entities), Request: ownColumns(c.request), Scores: slices.Clone(run.Scores()),
		Statuses: make([]schema.Status, 0, rows*views), Ages: make([]int64, 0, rows*views),
	}
	for i := range views {
		e.Statuses, e.Ages = append(e.Statuses, c.batch.Statuses(i)...), append(e.Ages, c.batch.Ages(i)...)
	}
	if binding.Dense {
		e.Dense = slices.Clone(run.Dense())
		return e
	}
	e.Tensors = make([]vector.Column, len(c.tensors))
	for i, t := range c.tensors {
		e.Tensors[i] = vector.Column{
			Type: t.Type, Bools: slices.Clone(t.Bools), Int32s: slices.Clone(t.Int32s), Int64s: slices.Clone(t.Int64s),
			Float32s: slices.Clone(t.Float32s), Float64s: slices.Clone(t.Float64s), Strings: slices.Clone(t.Strings),
		}
	}
	return e
}

// ownColumns returns columns that stay when the call is used again; their values
// are the request's.
func ownColumns(c vector.Columns) vector.Columns {
	return vector.Columns{Names: slices.Clone(c.Names), Values: slices.Clone(c.Values)}
}
