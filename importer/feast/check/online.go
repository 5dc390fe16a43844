package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	larderv1 "larder/api/larder/v1"
	larder "larder/client/go"
	"larder/column"
	"larder/column/wire"
	"larder/schema"
)

// Options say what to compare.
type Options struct {
	// Larder is a connection to Larder's server, and Catalog what it serves. Required.
	Larder  *larder.Client
	Catalog *schema.Catalog
	// Feast is the address of Feast's server, such as http://localhost:6566. Required.
	Feast string
	// Keys are join keys and request values, row by row, for all views and services that
	// take them. Without them, keys are read from the sources.
	Keys column.Columns
	// Sample is how many keys of each view are read then. Required.
	Sample int
	// Progress is called with the questions that are done. Optional.
	Progress func(done, total int64)
}

// rowsPerRequest is how many rows both servers are asked for at once.
const rowsPerRequest = 100

// Online compares the answers of both servers: of all feature views, and of all feature
// services.
func Online(ctx context.Context, opts Options) (*Report, error) {
	c := &comparison{
		Options: opts, report: new(Report), keys: map[string]column.Columns{}, several: map[lookUp]bool{},
		feast: &feastServer{strings.TrimRight(opts.Feast, "/"), &http.Client{Timeout: feastTimeout}},
	}
	questions := c.questions()
	for i, q := range questions {
		if opts.Progress != nil {
			opts.Progress(int64(i), int64(len(questions)))
		}
		if err := c.compare(ctx, q); err != nil {
			return nil, fmt.Errorf("%s: %w", q.name, err)
		}
	}
	c.report.sort()
	return c.report, nil
}

// A comparison is the state of Online.
type comparison struct {
	Options
	feast  *feastServer
	report *Report
	keys   map[string]column.Columns // sampled, by view
	// several says whether a source has several rows of a view's key with one event time,
	// for those that were looked up.
	several map[lookUp]bool
}

// A lookUp is a row of a view.
type lookUp struct {
	view, key string
	micros    int64
}

// A question is what both servers are asked for.
type question struct {
	name  string
	plan  *schema.Plan
	feast map[string]any // what Feast is asked for
	ask   func(*larderv1.GetFeaturesRequest)
}

func (c *comparison) questions() (all []question) {
	for _, view := range c.Catalog.Views() {
		var references []string
		for _, f := range view.Features {
			references = append(references, view.Name+":"+f.Name)
		}
		plan, err := c.Catalog.FeaturesPlan(references)
		if err != nil {
			c.note("%s is not compared: %v", view.Name, err)
			continue
		}
		all = append(all, question{view.Name, plan, map[string]any{"features": references}, func(req *larderv1.GetFeaturesRequest) {
			req.What = &larderv1.GetFeaturesRequest_Features{Features: &larderv1.FeatureList{References: references}}
		}})
	}
	for _, plan := range c.Catalog.ServicePlans() {
		name := plan.Service.Name
		all = append(all, question{name, plan, map[string]any{"feature_service": name}, func(req *larderv1.GetFeaturesRequest) {
			req.What = &larderv1.GetFeaturesRequest_FeatureService{FeatureService: name}
		}})
	}
	return all
}

func (c *comparison) note(format string, args ...any) {
	c.report.Notes = append(c.report.Notes, fmt.Sprintf(format, args...))
}

func (c *comparison) compare(ctx context.Context, q question) error {
	rows, err := c.rows(ctx, q.plan)
	var lacks lackError
	if errors.As(err, &lacks) {
		c.note("%s is not compared: %v", q.name, err)
		return nil
	}
	if err != nil {
		return err
	}
	part := &Part{Name: q.name}
	for from := 0; from < rows.Values[0].Len(); from += rowsPerRequest {
		err := c.chunk(ctx, q, part, pick(rows, from, min(from+rowsPerRequest, rows.Values[0].Len())))
		if errors.Is(err, errUnknown) {
			c.note("%s is not compared: %v", q.name, err)
			return nil
		}
		if err != nil {
			return err
		}
	}
	c.report.Parts = append(c.report.Parts, part)
	return nil
}

func pick(rows column.Columns, from, to int) column.Columns {
	var some []int
	for i := from; i < to; i++ {
		some = append(some, i)
	}
	return rows.Pick(some)
}

// chunk compares the answers for some rows.
func (c *comparison) chunk(ctx context.Context, q question, part *Part, rows column.Columns) error {
	theirs, err := c.feast.features(ctx, q.feast, rows)
	if err != nil {
		return err
	}
	ours, err := c.ask(ctx, q, rows)
	if err != nil {
		return err
	}
	n := rows.Values[0].Len()
	part.Rows += n
	// Stored features first: what is computed of values that differ, differs for that reason.
	why := make([]Kind, n)
	for _, i := range storedFirst(q.plan) {
		f := &q.plan.Features[i]
		name := ColumnName(f.Name)
		column := theirs[name]
		if column == nil {
			c.note("%s: Feast's answer has no %s", q.name, name)
			continue
		}
		if len(column.Values) != n {
			return fmt.Errorf("Feast answers %d values of %s for %d rows", len(column.Values), name, n)
		}
		for r := range n {
			if err := c.cell(ctx, q, part, rows, ours, column, i, r, &why[r]); err != nil {
				return err
			}
		}
	}
	return nil
}

// storedFirst returns the numbers of the features of a plan, without request values: those
// that are stored, then those that are computed.
func storedFirst(plan *schema.Plan) (numbers []int) {
	for _, stored := range []bool{true, false} {
		for i := range plan.Features {
			if f := &plan.Features[i]; f.Request < 0 && (f.View >= 0) == stored {
				numbers = append(numbers, i)
			}
		}
	}
	return numbers
}

// An answer is Larder's.
type answer struct {
	at      int64
	columns []column.Column // of the features
	reads   []*larderv1.ViewRead
}

func (c *comparison) ask(ctx context.Context, q question, rows column.Columns) (*answer, error) {
	at := time.Now().UnixMicro()
	req := &larderv1.GetFeaturesRequest{At: &at}
	q.ask(req)
	var keys, values column.Columns
	for i, name := range rows.Names {
		to := &values
		if q.plan.KeyType(name) != 0 {
			to = &keys
		}
		to.Add(name, rows.Values[i])
	}
	req.Entities = wire.Write(keys.Values, func(i int) string { return keys.Names[i] })
	req.Request = wire.Write(values.Values, func(i int) string { return values.Names[i] })
	resp, err := c.Larder.Serving.GetFeatures(ctx, req)
	if err != nil {
		return nil, err
	}
	if len(resp.GetFeatures()) != len(q.plan.Features) || len(resp.GetReads()) != len(q.plan.Views) {
		return nil, errors.New("the server's definitions changed meanwhile; run the command again")
	}
	a := &answer{at: at, reads: resp.GetReads()}
	for _, message := range resp.GetFeatures() {
		values, err := wire.Nullable("feature", message)
		if err != nil {
			return nil, err
		}
		for _, s := range message.GetStatuses() {
			values.Statuses = append(values.Statuses, schema.Status(s))
		}
		a.columns = append(a.columns, values)
	}
	return a, nil
}

// cell compares one value. why is the reason for which a value of its row differs.
func (c *comparison) cell(ctx context.Context, q question, part *Part, rows column.Columns, ours *answer, theirs *feastColumn, feature, row int, why *Kind) error {
	f := &q.plan.Features[feature]
	part.Values++
	column := &ours.columns[feature]
	example := func() (key, feast, larder string) {
		text := string(theirs.Values[row])
		if s := theirs.Statuses[row]; s != schema.StatusPresent.String() {
			text += " (" + s + ")"
		}
		return keyText(rows, row), text, string(column.AppendJSON(nil, row)) + " (" + column.Statuses[row].String() + ")"
	}
	value, err := parse(f.Type, theirs.Values[row])
	if err != nil {
		c.report.add(part.Name, f.Name, Type, example)
		return nil
	}
	if same(value, inSeconds(column.Value(row))) {
		part.Equal++
		if theirs.Statuses[row] != column.Statuses[row].String() {
			part.Statuses++
		}
		return nil
	}
	kind := *why
	if f.View >= 0 || kind == "" {
		if kind, err = c.explain(ctx, q.plan, rows, ours, theirs, feature, row); err != nil {
			return err
		}
	}
	*why = kind
	c.report.add(part.Name, f.Name, kind, example)
	return nil
}

// explain says why a value differs.
func (c *comparison) explain(ctx context.Context, plan *schema.Plan, rows column.Columns, ours *answer, theirs *feastColumn, feature, row int) (Kind, error) {
	f := &plan.Features[feature]
	if f.View < 0 {
		return Computed, nil
	}
	read := ours.reads[f.View]
	found := read.GetStatuses()[row]
	theirsNull := string(theirs.Values[row]) == "null"
	absent := theirs.Statuses[row] == schema.StatusNotFound.String()
	switch {
	case theirsNull && ours.columns[feature].Statuses[row] != schema.StatusPresent:
		return Default, nil
	case found == larderv1.Status_STATUS_OUTSIDE_MAX_AGE:
		return Expired, nil
	case absent:
		return MissingInFeast, nil
	case found == larderv1.Status_STATUS_NOT_FOUND:
		return MissingInLarder, nil
	}
	if row >= len(theirs.Times) {
		return Unexplained, nil
	}
	ourTime, theirTime := ours.at-read.GetAges()[row], theirs.Times[row].UnixMicro()
	if theirTime%1e6 == 0 { // some of Feast's stores keep whole seconds only
		ourTime = schema.Seconds(ourTime) * 1e6
	}
	switch {
	case theirTime < ourTime:
		return OlderInFeast, nil
	case theirTime > ourTime:
		return OlderInLarder, nil
	}
	several, err := c.severalRows(ctx, &plan.Views[f.View], rows, row, ours.at-read.GetAges()[row])
	switch {
	case err != nil:
		return "", err
	case several:
		return Duplicates, nil
	}
	return Changed, nil
}

// same compares two values in the Go form of [schema.ParseValue]. NaN is as null: Feast
// stores it so.
func same(a, b any) bool {
	return bytes.Equal(schema.AppendValue(nil, nanIsNull(a)), schema.AppendValue(nil, nanIsNull(b)))
}

func nanIsNull(v any) any {
	switch x := v.(type) {
	case float64:
		if math.IsNaN(x) {
			return nil
		}
	case float32:
		if math.IsNaN(float64(x)) {
			return nil
		}
	}
	return v
}

func keyText(rows column.Columns, row int) string {
	var parts []string
	for i, name := range rows.Names {
		parts = append(parts, name+"="+string(rows.Values[i].AppendJSON(nil, row)))
	}
	return strings.Join(parts, " ")
}
