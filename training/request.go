package training

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"

	"larder/column/arrows"
	"larder/schema"
	"larder/store/offline"
	"larder/vector"
)

// AsOf selects the rows of a source that a spine row at time t may see.
type AsOf string

// The choices.
const (
	// IngestTime counts rows that had happened and had arrived by t: what serving could
	// have known.
	IngestTime AsOf = "ingest_time"
	// EventTime counts rows that had happened by t, no matter when they arrived: for
	// sources that were filled later.
	EventTime AsOf = "event_time"
)

// DefaultEventTimeColumn is the column with a spine's times unless a request names
// another.
const DefaultEventTimeColumn = "event_time"

// positionPrefix and the name of an aggregate view are the column of a spine that says, for
// each row, which batches of its stream the view has, as a feature log does. With as_of:
// ingest_time they decide which events count, in place of the row's time.
const positionPrefix = "position:"

// A Request describes a training set to build.
type Request struct {
	Plan *schema.Plan // of a feature service, a model or a list of features
	// AsOf defaults to IngestTime.
	AsOf AsOf
	// EventTimeColumn is the spine's column with the time of each row, a
	// timestamp with a time zone. Defaults to event_time.
	EventTimeColumn string
	// OwnEventColumn is the spine's column with the id of the event that each row is about:
	// aggregate views leave that event out. A null leaves out none. Empty means no column.
	OwnEventColumn string
	// Progress, when set, is called after each batch, from the goroutine of Run.
	Progress func(Progress)
	// Vectors, when set, is called with the finished vectors of some rows of the set.
	// first is the number of the first row in the spine. The batch also has statuses and
	// ages, to compare with served ones. Vectors is called from several goroutines at once
	// and in any order. The batch is valid until Vectors returns. An error ends the run.
	Vectors func(first int64, b *vector.Batch) error
}

// Progress is the progress of a set.
type Progress struct {
	Rows int64 `json:"rows"` // given out
	Of   int64 `json:"of"`   // rows of the spine read so far
}

// A Set is a training set to be built, once.
type Set struct {
	store   *offline.Store
	req     Request
	program *vector.Program
	schema  *arrow.Schema
	views   []*schema.View
	// aggregations are those of aggregate views; nil for other views.
	aggregations []*vector.Aggregation
	spine        spineColumns
	// readsHistory chooses between the two ways to a view's history.
	readsHistory func(rows int, c offline.Cost) bool
	historyBytes int64 // that the winners of a block may take, of all views
}

// New returns the set of a request for spines of a schema. It checks everything that
// can be checked without data, and reads nothing.
func New(store *offline.Store, spine *arrow.Schema, req Request) (*Set, error) {
	req.AsOf = cmp.Or(req.AsOf, IngestTime)
	req.EventTimeColumn = cmp.Or(req.EventTimeColumn, DefaultEventTimeColumn)
	if req.AsOf != IngestTime && req.AsOf != EventTime {
		return nil, schema.BadAsOf.Errorf("as_of is %q; write %s or %s", req.AsOf, IngestTime, EventTime)
	}
	s := &Set{store: store, req: req, readsHistory: readsHistory, historyBytes: maxHistoryBytes}
	for i := range req.Plan.Views {
		v := req.Plan.Views[i].View
		var aggregation *vector.Aggregation
		if v.Aggregates != nil {
			var err error
			if aggregation, err = vector.NewAggregation(v); err != nil {
				return nil, err
			}
		}
		s.views, s.aggregations = append(s.views, v), append(s.aggregations, aggregation)
	}
	// A training set keeps missing values: a model's setting to fail on them applies only
	// to requests.
	plan := *req.Plan
	plan.Model, plan.ModelVersion = nil, nil
	var err error
	if s.program, err = vector.Compile(&plan); err != nil {
		return nil, err
	}
	if s.spine, err = bindSpine(spine, &plan, req); err != nil {
		return nil, err
	}
	if s.schema, err = outputSchema(spine, &plan); err != nil {
		return nil, err
	}
	return s, s.tryEmpty(spine)
}

// Schema returns the columns of the set: the spine's, then the features'.
func (s *Set) Schema() *arrow.Schema { return s.schema }

// outputSchema returns the columns of a set.
func outputSchema(spine *arrow.Schema, plan *schema.Plan) (*arrow.Schema, error) {
	fields := slices.Clone(spine.Fields())
	for i := range plan.Features {
		f := &plan.Features[i]
		name := columnName(f.Name)
		if spine.HasField(name) {
			return nil, schema.SpineColumn.Errorf("rename the spine's column %q: the set has a column of that name for the feature %s", name, f.Name)
		}
		fields = append(fields, arrow.Field{Name: name, Type: arrows.Type(f.Type), Nullable: true})
	}
	metadata := spine.Metadata()
	return arrow.NewSchema(fields, &metadata), nil
}

// columnName returns the name of a feature's column: VIEW__FEATURE.
func columnName(feature string) string { return strings.Replace(feature, ":", "__", 1) }

// tryEmpty binds a batch without rows, so that the code that binds the real rows
// reports what the spine's columns lack.
func (s *Set) tryEmpty(spine *arrow.Schema) error {
	empty := arrows.EmptyRecord(spine)
	defer empty.Release()
	batch := s.program.NewBatch()
	batch.Reset(0, 0)
	return s.spine.bind(batch, empty)
}

// spineError adds the position in the spine to an error in a chunk.
func spineError(first int64, err error) error {
	var said *schema.Error
	if !errors.As(err, &said) || first == 0 {
		return err
	}
	located := *said
	located.Message = fmt.Sprintf("%s (counted from row %d of the spine)", said.Message, first)
	return &located
}
