package serving

import (
	"slices"
	"strings"
	"time"

	"larder/monitor/featurelog"
	"larder/schema"
	"larder/scoring"
	"larder/vector"
)

// A logged says whether a request is logged, and what is known of it before it
// is answered.
type logged struct {
	wanted  bool
	id      string // none where it is not
	began   time.Time
	shadows []*scoring.Model // of the versions that try, each of the call's shadows or nil
}

// maxRequestID is how many bytes the id of a request may have.
const maxRequestID = 128

// logs decides whether the request that c answers, which the caller may have given
// an id, is logged.
func (s *Server) logs(c *call, given string) (logged, error) {
	if err := checkRequestID(given); err != nil {
		return logged{}, err
	}
	if s.opts.FeatureLog == nil {
		return logged{}, nil
	}
	id, wanted := featurelog.Sampled(c.shape.plan.Model, given)
	if !wanted {
		return logged{}, nil
	}
	return logged{wanted: true, id: id, began: time.Now()}, nil
}

// checkRequestID refuses what Postgres could not keep as a text.
func checkRequestID(id string) error {
	switch {
	case len(id) > maxRequestID:
		return schema.Errorf(schema.Invalid, "BAD_REQUEST_ID", "the request_id has %d bytes; at most %d fit", len(id), maxRequestID)
	case strings.IndexByte(id, 0) >= 0:
		return schema.Errorf(schema.Invalid, "BAD_REQUEST_ID", "the request_id %q has a zero byte, which Postgres can't keep", id)
	}
	return nil
}

// log gives what was scored to the shadows and to the feature log.
func (s *Server) log(c *call, ask asked, binding *scoring.Binding, run *scoring.Run) {
	e := c.entry(ask, binding, run)
	s.shadows.offer(c, e, ask.logged.shadows)
	s.opts.FeatureLog.Offer(e)
}

// entry returns what is logged of a request that was scored. What the request
// sent is not written to any more; all else is copied.
func (c *call) entry(ask asked, binding *scoring.Binding, run *scoring.Run) *featurelog.Entry {
	rows, views := c.batch.Rows(), len(c.shape.plan.Views)
	e := &featurelog.Entry{
		Plan: c.shape.plan, RequestID: ask.logged.id, Numbers: ask.numbers, At: c.batch.Now(), Rows: rows, Latency: time.Since(ask.logged.began),
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
	e.Tensors = ownTensors(c.tensors, rows)
	return e
}

// ownTensors returns a copy of tensors of rows rows. The values of one type lie end
// to end, so that the number of allocations depends on no number of features.
func ownTensors(tensors []vector.Column, rows int) []vector.Column {
	var count [schema.String + 1]int
	for _, t := range tensors {
		count[t.Type] += rows
	}
	all := vector.Column{
		Bools: make([]bool, 0, count[schema.Bool]), Int32s: make([]int32, 0, count[schema.Int32]), Int64s: make([]int64, 0, count[schema.Int64]),
		Float32s: make([]float32, 0, count[schema.Float32]), Float64s: make([]float64, 0, count[schema.Float64]), Strings: make([]string, 0, count[schema.String]),
	}
	own := make([]vector.Column, len(tensors))
	for i, t := range tensors {
		own[i] = vector.Column{
			Type: t.Type, Bools: appended(&all.Bools, t.Bools), Int32s: appended(&all.Int32s, t.Int32s), Int64s: appended(&all.Int64s, t.Int64s),
			Float32s: appended(&all.Float32s, t.Float32s), Float64s: appended(&all.Float64s, t.Float64s), Strings: appended(&all.Strings, t.Strings),
		}
	}
	return own
}

// appended appends values and returns where they are now; nil for none.
func appended[T any](all *[]T, values []T) []T {
	if len(values) == 0 {
		return nil
	}
	n := len(*all)
	*all = append(*all, values...)
	return (*all)[n:len(*all):len(*all)]
}

// ownColumns returns columns that stay when the call is used again; their values
// are the request's.
func ownColumns(c vector.Columns) vector.Columns {
	return vector.Columns{Names: slices.Clone(c.Names), Values: slices.Clone(c.Values)}
}
