package larder

import (
	"fmt"

	larderv1 "larder/api/larder/v1"
)

// An IncompleteError says that a response lacks a part of what was asked for: it has
// fewer scores than rows, or lacks a column.
type IncompleteError struct{ lacks string }

func (e *IncompleteError) Error() string {
	return "the answer is incomplete: it has " + e.lacks + "; send the request again"
}

func incomplete(format string, args ...any) error {
	return &IncompleteError{fmt.Sprintf(format, args...)}
}

// rowsOf returns how many rows a request has: as many as its first column.
func rowsOf(entities, request []*larderv1.Column) int {
	for _, columns := range [][]*larderv1.Column{entities, request} {
		if len(columns) > 0 {
			return rowsIn(columns[0])
		}
	}
	return 0
}

// checkScores refuses a response without a score for each row, or without the values of its
// outputs. A model without a score has outputs.
func checkScores(answer *larderv1.GetFeaturesAndScoreResponse, rows int, withFeatures bool) error {
	versions := len(answer.GetModelVersions())
	switch {
	case len(answer.GetScores()) != rows && (len(answer.GetScores()) > 0 || len(answer.GetOutputs()) == 0):
		return incomplete("%d scores for %d rows", len(answer.GetScores()), rows)
	case versions != 0 && versions != rows:
		return incomplete("%d model versions for %d rows", versions, rows)
	case withFeatures && len(answer.GetFeatures()) == 0:
		return incomplete("no features for %d rows", rows)
	}
	for _, o := range answer.GetOutputs() {
		want := rows
		for _, n := range o.GetShape() {
			want *= int(n)
		}
		if n := rowsIn(o.GetValues()); n != want {
			return incomplete("%d values of the output %q for %d rows", n, o.GetValues().GetName(), rows)
		}
	}
	return checkAnswer(answer.GetFeatures(), answer.GetReads(), rows)
}

// checkAnswer refuses columns that don't have a value and a status for each row.
func checkAnswer(columns []*larderv1.Column, reads []*larderv1.ViewRead, rows int) error {
	for _, c := range columns {
		if n := rowsIn(c); n != rows {
			return incomplete("%d values of %q for %d rows", n, c.GetName(), rows)
		}
		if n := len(c.GetStatuses()); n != rows {
			return incomplete("%d statuses of %q for %d rows", n, c.GetName(), rows)
		}
	}
	for _, r := range reads {
		if len(r.GetStatuses()) != rows || len(r.GetAges()) != rows {
			return incomplete("%d statuses and %d ages of feature view %q for %d rows", len(r.GetStatuses()), len(r.GetAges()), r.GetFeatureView(), rows)
		}
	}
	return nil
}

// rowsIn returns for how many rows a column has values; 0 where they contradict each
// other.
func rowsIn(c *larderv1.Column) int {
	lists := c.GetLists()
	if lists == nil {
		return scalarsIn(c)
	}
	elements, last := scalarsIn(lists.GetElements()), uint32(0)
	for _, end := range lists.GetEnds() {
		if end < last || int(end) > elements {
			return 0
		}
		last = end
	}
	return len(lists.GetEnds())
}

func scalarsIn(c *larderv1.Column) int {
	switch v := c.GetValues().(type) {
	case *larderv1.Column_Bools:
		return len(v.Bools.GetValues())
	case *larderv1.Column_Int32S:
		return len(v.Int32S.GetValues())
	case *larderv1.Column_Int64S:
		return len(v.Int64S.GetValues())
	case *larderv1.Column_Floats:
		return len(v.Floats.GetValues())
	case *larderv1.Column_Doubles:
		return len(v.Doubles.GetValues())
	case *larderv1.Column_Strings:
		return len(v.Strings.GetValues())
	case *larderv1.Column_Blobs:
		return len(v.Blobs.GetValues())
	case *larderv1.Column_Timestamps:
		return len(v.Timestamps.GetValues())
	}
	return 0
}
