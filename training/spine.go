package training

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"larder/column"
	"larder/column/arrows"
	"larder/schema"
	"larder/vector"
)

// spineColumns are the columns of a spine that a set reads; the other columns are
// passed through.
type spineColumns struct {
	keys    []spineColumn
	request []spineColumn
	time    int
	unit    arrow.TimeUnit
	own     int // the column of event ids; -1 when there is none
	// positions are, of each view, the column with the batches that its rows were answered
	// from; -1 when there is none.
	positions []int
}

// A spineColumn is one column and the type that it is read as.
type spineColumn struct {
	name string
	at   int // in the spine
	want schema.Type
}

// bindSpine finds the columns that a plan needs.
func bindSpine(spine *arrow.Schema, plan *schema.Plan, req Request) (spineColumns, error) {
	c, eventTime := spineColumns{own: -1}, req.EventTimeColumn
	names := make([]string, spine.NumFields())
	for i, f := range spine.Fields() {
		names[i] = f.Name
		if holds(f.Type, unsupported) {
			return c, schema.SpineColumnType.Errorf("leave out the spine's column %q, and join it to the set by an id: its type %s is not fully supported by Arrow's Go library", f.Name, f.Type)
		}
		if slices.Contains(names[:i], f.Name) {
			return c, twoColumns(f.Name)
		}
	}
	find := func(name string) int { return slices.Index(names, name) }
	at := find(eventTime)
	if at < 0 {
		return c, schema.MissingEventTime.Errorf("the spine has no column %q with the time of each row; it has %s. Name the column with the times as event_time_column", eventTime, strings.Join(names, ", "))
	}
	c.time, c.unit = at, 0
	{
		typ := spine.Field(at).Type
		if d, encoded := typ.(*arrow.DictionaryType); encoded {
			typ = d.ValueType
		}
		t, isTime := typ.(*arrow.TimestampType)
		if !isTime {
			return c, noTime(eventTime, spine.Field(at).Type)
		}
		if t.TimeZone == "" {
			return c, naiveTime(eventTime)
		}
		c.unit = t.Unit
	}
	if name := req.OwnEventColumn; name != "" {
		if c.own = find(name); c.own < 0 {
			return c, schema.SpineColumn.Errorf("the spine has no column %q with the ids of its rows' events; it has %s", name, strings.Join(names, ", "))
		}
	}
	for i := range plan.Views {
		at := -1
		if plan.Views[i].Aggregates != nil && req.AsOf == IngestTime {
			at = find(positionPrefix + plan.Views[i].Name)
		}
		c.positions = append(c.positions, at)
	}
	for _, k := range plan.Keys {
		if at = find(k.Name); at < 0 {
			return c, schema.MissingJoinKey.Errorf("the spine has no column %q (%s), a join key that %s needs; %s", k.Name, k.Type, plan.Name(), schema.Nearest(k.Name, names))
		}
		c.keys = append(c.keys, spineColumn{k.Name, at, k.Type})
	}
	for _, f := range plan.Request {
		if at = find(f.Name); at >= 0 {
			c.request = append(c.request, spineColumn{f.Name, at, f.Type})
		}
	}
	return c, nil
}

// holds reports whether a type, or one within it, is of a kind.
func holds(t arrow.DataType, kind func(arrow.DataType) bool) bool {
	if kind(t) {
		return true
	}
	switch outer := t.(type) {
	case *arrow.DictionaryType:
		return holds(outer.ValueType, kind)
	case arrow.ExtensionType:
		return holds(outer.StorageType(), kind)
	}
	if nested, ok := t.(arrow.NestedType); ok {
		for _, f := range nested.Fields() {
			if holds(f.Type, kind) {
				return true
			}
		}
	}
	return false
}

// unsupported reports whether Arrow's Go library reads or writes a type wrongly.
func unsupported(t arrow.DataType) bool {
	if d, ok := t.(*arrow.DictionaryType); ok {
		return d.ValueType.ID() == arrow.RUN_END_ENCODED
	}
	return t.ID() == arrow.DENSE_UNION || t.ID() == arrow.SPARSE_UNION
}

func twoColumns(name string) error {
	return schema.SpineColumn.Errorf("the spine has two columns %q; drop or rename one", name)
}

func noTime(column string, typ arrow.DataType) error {
	remedy := ""
	if arrow.IsBinaryLike(typ.ID()) || arrow.IsLargeBinaryLike(typ.ID()) {
		remedy = fmt.Sprintf(": in pandas df[%[1]q] = pandas.to_datetime(df[%[1]q], utc=True), in polars pl.col(%[1]q).str.to_datetime(time_zone=\"UTC\")", column)
	}
	return schema.EventTimeType.Errorf("the spine's column %q is %s; it must be a timestamp with a time zone%s", column, typ, remedy)
}

func naiveTime(column string) error {
	return schema.NaiveTimestamp.Errorf("the spine's column %q is a timestamp without a time zone, so its times are ambiguous; set the zone: "+
		"in pandas df[%[1]q] = df[%[1]q].dt.tz_localize(\"UTC\"), in polars pl.col(%[1]q).dt.replace_time_zone(\"UTC\")", column)
}

// bind gives a chunk's keys and request values to a batch that was reset.
func (c *spineColumns) bind(batch *vector.Batch, rec arrow.Record) error {
	keys, err := readColumns(rec, c.keys)
	if err != nil {
		return err
	}
	request, err := readColumns(rec, c.request)
	if err != nil {
		return err
	}
	if err := batch.BindKeys(keys); err != nil {
		return err
	}
	return batch.BindRequest(request)
}

func readColumns(rec arrow.Record, wanted []spineColumn) (column.Columns, error) {
	var out column.Columns
	for _, w := range wanted {
		column, err := arrows.Read(rec.Column(w.at), w.want)
		if err != nil {
			return out, schema.SpineColumnType.Errorf("the spine's column %q: %v; it must be %s", w.name, err, w.want)
		}
		out.Names, out.Values = append(out.Names, w.name), append(out.Values, column)
	}
	return out, nil
}

// times returns the time of each row of a chunk, in microseconds; first is the number
// of its first row. Fractions of a microsecond are cut off. Rows of a source have
// none, so this changes no comparison.
func (c *spineColumns) times(rec arrow.Record, name string, first int64) ([]int64, error) {
	column := rec.Column(c.time)
	moments, place := column, func(row int) int { return row }
	if d, isDictionary := column.(*array.Dictionary); isDictionary {
		moments, place = d.Dictionary(), d.GetValueIndex
	}
	times := make([]int64, column.Len())
	for i := range times {
		if column.IsNull(i) || moments.IsNull(place(i)) {
			return nil, schema.NullEventTime.Errorf("the spine's column %q is null in row %d; every row needs its time", name, first+int64(i))
		}
		micros, fits := arrows.Micros(int64(moments.(*array.Timestamp).Value(place(i))), c.unit)
		if !fits || micros < schema.BeginningOfTime || micros > schema.EndOfTime {
			return nil, schema.EventTimeRange.Errorf("the spine's column %q has a time before 4714 BC or after the year 9999 in row %d", name, first+int64(i))
		}
		times[i] = micros
	}
	return times, nil
}

// nullKeys reports the first null in a join key, by its row in the spine.
func (c *spineColumns) nullKeys(rec arrow.Record, first int64) error {
	for _, k := range c.keys {
		column := rec.Column(k.at)
		d, encoded := column.(*array.Dictionary)
		if column.NullN() == 0 && column.DataType().ID() != arrow.NULL && !(encoded && d.Dictionary().NullN() > 0) {
			continue
		}
		for i := range column.Len() {
			if column.IsNull(i) || encoded && d.Dictionary().IsNull(d.GetValueIndex(i)) {
				return schema.NullJoinKey.Errorf("the spine's join key %q is null in row %d; drop such rows", k.name, first+int64(i))
			}
		}
	}
	return nil
}

// batches returns the batches that the rows were answered from, of each view whose column
// the spine has.
func (c *spineColumns) batches(rec arrow.Record, first int64) ([][]int64, error) {
	out := make([][]int64, len(c.positions))
	for view, at := range c.positions {
		if at < 0 {
			continue
		}
		name := rec.ColumnName(at)
		read, err := arrows.Read(rec.Column(at), schema.Int64)
		if err != nil || read.Type != schema.Int64 {
			return nil, schema.SpineColumnType.Errorf("the spine's column %q is %s; it must be int64, as a feature log has it", name, rec.Column(at).DataType())
		}
		for i := range read.Len() {
			if read.IsNull(i) {
				return nil, schema.SpineColumn.Errorf("the spine's column %q is null in row %d; leave the column out, and all rows are as of their times", name, first+int64(i))
			}
		}
		out[view] = read.Int64s
	}
	return out, nil
}

// events returns the ids of the events that rows are about; "" for none, and nil where the
// spine doesn't name them.
func (c *spineColumns) events(rec arrow.Record) ([]string, error) {
	if c.own < 0 {
		return nil, nil
	}
	name := rec.ColumnName(c.own)
	var last error
	for _, t := range []schema.Type{schema.String, schema.Int64, schema.Bytes} {
		ids, err := arrows.Read(rec.Column(c.own), t)
		if last = err; err == nil && ids.Type == t {
			return eventIDs(&ids), nil
		}
	}
	return nil, schema.SpineColumnType.Errorf("the spine's column %q is %s, and ids of events are texts, integers or bytes: %v", name, rec.Column(c.own).DataType(), last)
}

// eventIDs returns ids as a log has them.
func eventIDs(c *column.Column) []string {
	ids := make([]string, c.Len())
	for i := range ids {
		switch {
		case c.IsNull(i):
		case c.Type == schema.String:
			ids[i] = c.Strings[i]
		case c.Type == schema.Int64:
			ids[i] = strconv.FormatInt(c.Int64s[i], 10)
		default:
			ids[i] = hex.EncodeToString(c.Bytes[i])
		}
	}
	return ids
}
