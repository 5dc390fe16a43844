package serving

import (
	"strings"
	"time"

	"larder/column"
	"larder/schema"
)

// An Ask is a request for features, or for features and scores, whichever protocol it
// came by. One of the For methods of a [Generation] says what is asked for.
type Ask struct {
	Keys      column.Columns // one for each join key
	Request   column.Columns // request values and, as VIEW:FEATURE, values for stored features
	At        *int64         // the time to decide TTLs at, in microseconds since 1970 UTC; nil is now
	Features  bool           // answer the features too, where they are not all that is asked for
	AnyAge    bool           // rows count however old they are, whatever the TTL of their view
	RequestID string         // by which the caller knows it; may be empty
	Outputs   []string       // of the model, to be answered too; scoring.AllOutputs alone for all of them

	shape   *shape
	pinned  bool  // the caller chose the version of the model
	numbers []int // of the rows in the request, where it has more; nil for all of them
}

// ForService asks for the features of a feature service.
func (g *Generation) ForService(a *Ask, name string) error {
	plan, err := g.catalog.ServicePlan(name)
	if err != nil {
		return err
	}
	a.shape = g.shapes[plan]
	return nil
}

// ForFeatures asks for a list of features, VIEW:FEATURE or VIEW:*.
func (g *Generation) ForFeatures(a *Ask, references []string) (err error) {
	a.shape, err = g.listShape(references)
	return err
}

// ForModel asks for the scores of a model. Version 0 leaves it to the model's traffic
// which version scores.
func (g *Generation) ForModel(a *Ask, name string, version int64) error {
	if name == "" {
		return schema.NoModel.Errorf("the request names no model; say which to score with")
	}
	plan, err := g.catalog.ModelPlan(name, version)
	if err != nil {
		return err
	}
	a.shape, a.pinned = g.shapes[plan], version != 0
	return nil
}

// Plan returns the plan of what is asked for; of a model whose traffic is split, that
// of its control.
func (a *Ask) Plan() *schema.Plan { return a.shape.plan }

// reset makes the memory ready for another request, and lets go of this one's.
func (a *Ask) reset() {
	a.Keys.Reset()
	a.Request.Reset()
	*a = Ask{Keys: a.Keys, Request: a.Request}
}

// clock returns the one clock reading of the request.
func (a *Ask) clock(now time.Time) (int64, error) {
	if a.At == nil {
		return now.UnixMicro(), nil
	}
	if at := *a.At; at < schema.BeginningOfTime || at > schema.EndOfTime {
		return 0, schema.TimeOutOfRange.Errorf("at is %d; it is microseconds since 1970 UTC, in the years -4713 to 9999", at)
	}
	return *a.At, nil
}

// rows returns the number of rows of the request: that of its first column.
func (a *Ask) rows(most int) (int, error) {
	columns := &a.Keys
	if len(a.Plan().Keys) == 0 && len(columns.Values) == 0 { // only values of the request
		columns = &a.Request
	}
	if len(columns.Values) == 0 {
		return 0, nil // binding says which column is missing
	}
	rows := columns.Values[0].Len()
	switch {
	case rows == 0 && columns.Values[0].Type.Valid():
		return 0, schema.NoRows.Errorf("%q has no values; a request has 1 to %d rows", columns.Names[0], most)
	case rows > most:
		return 0, schema.TooManyRows.Errorf("the request has %d rows; at most %d fit, split it", rows, most)
	}
	return rows, nil
}

// maxRequestID is how many bytes the id of a request may have.
const maxRequestID = 128

// checkRequestID refuses what Postgres could not keep as a text.
func (a *Ask) checkRequestID() error {
	switch id := a.RequestID; {
	case len(id) > maxRequestID:
		return schema.BadRequestID.Errorf("the request_id has %d bytes; at most %d fit", len(id), maxRequestID)
	case strings.IndexByte(id, 0) >= 0:
		return schema.BadRequestID.Errorf("the request_id %q has a zero byte, which Postgres can't keep", id)
	}
	return nil
}
