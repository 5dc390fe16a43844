package rows

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"larder/control/runs"
	"larder/schema"
	"larder/store/offline"
)

// Options configure a Writer. Every field is required unless its comment says otherwise.
type Options struct {
	Catalog func() *schema.Catalog
	Offline *offline.Store // nil on a server without Postgres
	Runs    *runs.Recorder
}

// A Writer writes rows. It is safe for concurrent use.
type Writer struct{ opts Options }

// New returns a Writer.
func New(opts Options) *Writer { return &Writer{opts} }

// Rows are rows for the table of one source.
type Rows struct {
	// Source names the source, or View a view of it.
	Source, View string
	Columns      []Column // of one length
	// OnlyStore leaves it to the next run to materialize the rows.
	OnlyStore bool
}

// A Column has a value for each row, in JSON. It is named as in the table; event_timestamp
// and created stand for the source's event time and ingest time whatever they are
// called there, because Feast's client has no other names for them.
type Column struct {
	Name   string
	Values []json.RawMessage
}

const (
	eventTimeName  = "event_timestamp"
	ingestTimeName = "created"
)

// Write stores rows and, unless they are only stored, returns when this server serves them.
func (w *Writer) Write(ctx context.Context, r Rows) error {
	t, err := w.target(r)
	if err != nil {
		return err
	}
	if err := t.place(r.Columns); err != nil {
		return err
	}
	if len(t.columns) == 0 || len(t.columns[0].Values) == 0 {
		return schema.NoRows.Errorf("there are no rows to write; send one value for each row and column")
	}
	list, err := t.list()
	if err != nil {
		return err
	}
	if err := w.opts.Offline.Append(ctx, t.source, t.names(), list); err != nil {
		return err
	}
	if r.OnlyStore {
		return nil
	}
	ids, err := w.opts.Runs.Start(runs.Request{Views: t.views, From: &t.first, To: &t.last})
	if err != nil {
		return err
	}
	return w.opts.Runs.Wait(ctx, ids)
}

// A target is a table that rows go to.
type target struct {
	source *schema.Source
	views  []string               // of the source
	types  map[string]schema.Type // of the columns that the views read
	needed []string               // those columns, in order
	keys   map[string]bool        // the join keys among them

	columns     []Column // as the table has them
	first, last int64    // event times, in microseconds since 1970 UTC
}

// target finds the table that rows are for.
func (w *Writer) target(r Rows) (*target, error) {
	if w.opts.Offline == nil {
		return nil, schema.NoPostgres.Errorf("this server runs without Postgres and can't store rows; start it with --postgres")
	}
	catalog, name := w.opts.Catalog(), r.Source
	if r.View != "" {
		view, err := catalog.View(r.View)
		if err != nil {
			return nil, err
		}
		name = view.Source
	}
	t := &target{types: map[string]schema.Type{}, keys: map[string]bool{}, first: math.MaxInt64, last: math.MinInt64}
	for _, view := range catalog.Views() {
		if view.Source == name {
			t.source = view.Origin
			t.add(view)
		}
	}
	switch {
	case t.source == nil:
		var known []string
		for _, view := range catalog.Views() {
			known = append(known, view.Source)
		}
		return nil, schema.UnknownPushSource.Errorf("no feature view reads a source %q; %s", name, schema.Nearest(name, slices.Compact(slices.Sorted(slices.Values(known)))))
	case t.source.Table == "":
		return nil, schema.SourceReadOnly.Errorf("source %q is a query, which can't take rows; write to the tables that it reads, and materialize feature view %s", name, schema.OneOf(t.views))
	}
	t.need(t.source.TimestampField, schema.Timestamp)
	return t, nil
}

func (t *target) add(view *schema.View) {
	t.views = append(t.views, view.Name)
	for _, k := range view.Keys {
		t.need(k.Name, k.Type)
		t.keys[k.Name] = true
	}
	for _, f := range view.Features {
		t.need(f.Name, f.Type)
	}
}

func (t *target) need(column string, as schema.Type) {
	if t.types[column] == 0 {
		t.types[column] = as
		t.needed = append(t.needed, column)
	}
}

// place takes the columns under the names of the table, and checks that none is missing.
func (t *target) place(columns []Column) error {
	seen := map[string]bool{}
	for _, c := range columns {
		if c.Name = t.nameOf(c); c.Name == "" {
			continue
		}
		if seen[c.Name] {
			return schema.DuplicateColumn.Errorf("column %q comes twice", c.Name)
		}
		seen[c.Name] = true
		if len(c.Values) != len(columns[0].Values) {
			return schema.RowCount.Errorf("column %q has %d values and column %q has %d; send one for each row", c.Name, len(c.Values), columns[0].Name, len(columns[0].Values))
		}
		t.columns = append(t.columns, c)
	}
	if created := t.source.CreatedTimestampColumn; created != "" {
		t.types[created] = schema.Timestamp
	}
	for _, name := range t.needed {
		if !seen[name] {
			return schema.NoValues.Errorf("the rows have no column %q, which feature view %s reads", name, schema.OneOf(t.views))
		}
	}
	return nil
}

// nameOf returns the table's name of a column; "" where it has none for it.
func (t *target) nameOf(c Column) string {
	switch created := t.source.CreatedTimestampColumn; {
	case t.types[c.Name] != 0:
	case c.Name == eventTimeName:
		return t.source.TimestampField
	case c.Name == created || c.Name == ingestTimeName:
		if unknown(c.Values) {
			return "" // Postgres's clock says when the rows arrived
		}
		return created
	}
	return c.Name
}

// unknown reports whether all values are null.
func unknown(values []json.RawMessage) bool {
	return !slices.ContainsFunc(values, func(v json.RawMessage) bool { return string(v) != "null" })
}

func (t *target) names() []string {
	names := make([]string, len(t.columns))
	for i := range t.columns {
		names[i] = t.columns[i].Name
	}
	return names
}

// list returns the rows as a JSON list of objects, in the forms that Postgres reads.
func (t *target) list() ([]byte, error) {
	names := make([][]byte, len(t.columns))
	for i := range t.columns {
		name, err := json.Marshal(t.columns[i].Name)
		if err != nil {
			return nil, err
		}
		names[i] = append(name, ':')
	}
	out := []byte("[")
	for row := range t.columns[0].Values {
		if row > 0 {
			out = append(out, ',')
		}
		out = append(out, '{')
		for i := range t.columns {
			c := &t.columns[i]
			if i > 0 {
				out = append(out, ',')
			}
			var err error
			out = append(out, names[i]...)
			if out, err = t.appendValue(out, c, row); err != nil {
				return nil, fmt.Errorf("column %q, row %d: %w", c.Name, row, err)
			}
		}
		out = append(out, '}')
	}
	return append(out, ']'), nil
}

func (t *target) appendValue(dst []byte, c *Column, row int) ([]byte, error) {
	raw, as := c.Values[row], t.types[c.Name]
	if as == 0 {
		return append(dst, raw...), nil // of a column that no view reads; Postgres knows its type
	}
	v, err := parse(as, raw)
	if err != nil {
		return nil, schema.BadValue.Errorf("%v", err)
	}
	if v == nil && (t.keys[c.Name] || c.Name == t.source.TimestampField) {
		return nil, schema.BadValue.Errorf("it is null; every row needs its key and its time")
	}
	if c.Name == t.source.TimestampField {
		micros := microsOf(v)
		t.first, t.last = min(t.first, micros), max(t.last, micros)
	}
	return appendForPostgres(dst, v), nil
}
