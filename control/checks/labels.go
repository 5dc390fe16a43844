package checks

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"larder/control/definitions"
	"larder/models/experiment"
	"larder/schema"
)

// labelSlack is how long before the first request a label's event time may be. The
// event that a request is about may have happened shortly before the request.
const labelSlack = 24 * 60 * 60 * 1_000_000

// A LoggedRow is a row of the feature log to find the label of.
type LoggedRow struct {
	RequestID string
	Row       int32
	At        int64    // microseconds since 1970 UTC
	Sent      []string // the values that were sent, in the order of the names
}

// JoinLabels finds the labels of logged rows: NaN for a row without one, and nil for
// a model without labels. names are the names of the values in LoggedRow.Sent.
func (c *Checker) JoinLabels(ctx context.Context, name string, names []string, logged []LoggedRow) ([]float64, error) {
	catalog := c.Registry.Catalog()
	model, err := definitions.FindModel(&catalog.Definitions, name)
	if err != nil {
		return nil, err
	}
	if model.Labels == nil || len(logged) == 0 {
		return nil, nil
	}
	if c.Offline == nil {
		return nil, errNoPostgres()
	}
	t := &trial{checker: c, model: model, labels: catalog.LabelsView(model), now: time.Now(), since: schema.EndOfTime, until: schema.BeginningOfTime}
	t.data = experiment.NewData(experiment.Options{Within: model.Labels.Within.Micros()})
	rows := make([]experiment.Row, len(logged))
	for i, r := range logged {
		rows[i] = experiment.Row{Request: r.RequestID, Number: r.Row, At: r.At, Keys: pick(names, r.Sent, model.Labels.Keys)}
		if err := t.data.Add(&rows[i]); err != nil {
			return nil, schema.TooManyRows.Errorf("model %q: %v", model.Name, err)
		}
		t.since, t.until = min(t.since, r.At), max(t.until, r.At)
	}
	if err := t.readLabels(ctx, func(int, int) error { return nil }); err != nil {
		return nil, err
	}
	labels := make([]float64, len(rows))
	for i := range rows {
		labels[i] = t.data.LabelOf(&rows[i])
	}
	return labels, nil
}

// pick returns the values of the wanted names; nil when a name has no value.
func pick(names, values, wanted []string) []string {
	picked := make([]string, 0, len(wanted))
	for _, name := range wanted {
		at := slices.Index(names, name)
		if at < 0 || at >= len(values) {
			return nil
		}
		picked = append(picked, values[at])
	}
	return picked
}

// readLabels reads the labels that may belong to rows of the trial.
func (t *trial) readLabels(ctx context.Context, progress func(rows, labels int) error) error {
	now := t.now.UnixMicro()
	w := schema.Window{Mode: schema.Range, From: max(t.since, schema.BeginningOfTime+labelSlack) - labelSlack, To: now, Now: now}
	if within := t.model.Labels.Within.Micros(); within > 0 {
		w.To = min(now, t.until+within)
	}
	return t.checker.Offline.Window(ctx, t.labels, w, func(rec arrow.Record, bad []schema.BadRow) error {
		if t.badLabels += len(bad); len(bad) > 0 && t.firstBad == "" {
			t.firstBad = fmt.Sprintf("%s (%s)", bad[0].Reason, bad[0].Sample)
		}
		if err := t.addLabels(rec); err != nil {
			return err
		}
		return progress(t.data.Rows(), t.data.Outcomes)
	})
}

// addLabels adds the labels of a record, which has the columns of [offline] records.
func (t *trial) addLabels(rec arrow.Record) error {
	keys := len(t.labels.Keys)
	at, arrived := rec.Column(keys).(*array.Timestamp), rec.Column(keys+1).(*array.Timestamp)
	deleted := rec.Column(keys + 2).(*array.Boolean)
	features := rec.Columns()[keys+3:]
	byRequest := t.model.Labels.RequestID != ""
	for i := range int(rec.NumRows()) {
		o := experiment.Outcome{At: int64(at.Value(i)), Arrived: schema.NoIngestTime, Deleted: deleted.Value(i), Label: numberOf(features[0], i)}
		if arrived.IsValid(i) {
			o.Arrived = int64(arrived.Value(i))
		}
		if o.Label != 0 && o.Label != 1 && !math.IsNaN(o.Label) {
			return schema.BadLabel.Errorf("the labels of model %q: column %q has %v; a label must be true or false, 1 or 0", t.model.Name, t.model.Labels.Label.Name, o.Label)
		}
		if byRequest {
			o.Request = keyText(rec.Column(0), i)
			if keys > 1 {
				o.Number = rec.Column(1).(*array.Int32).Value(i)
			}
		} else {
			for k := range keys {
				o.Keys = append(o.Keys, keyText(rec.Column(k), i))
			}
		}
		for _, c := range features[1:] {
			o.Values = append(o.Values, numberOf(c, i))
		}
		t.data.AddOutcome(&o)
	}
	return nil
}

// keyText returns a key as text, in the form of the log.
func keyText(c arrow.Array, row int) string {
	switch c := c.(type) {
	case *array.Int32:
		return strconv.FormatInt(int64(c.Value(row)), 10)
	case *array.Int64:
		return strconv.FormatInt(c.Value(row), 10)
	}
	return c.(*array.String).Value(row)
}

// numberOf returns a label or a value as a number; NaN for null.
func numberOf(c arrow.Array, row int) float64 {
	if c.IsNull(row) {
		return math.NaN()
	}
	switch c := c.(type) {
	case *array.Boolean:
		if c.Value(row) {
			return 1
		}
		return 0
	case *array.Int32:
		return float64(c.Value(row))
	case *array.Int64:
		return float64(c.Value(row))
	case *array.Float32:
		return float64(c.Value(row))
	}
	return c.(*array.Float64).Value(row)
}
