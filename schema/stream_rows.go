package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// The columns of a log's table besides the fields of its stream.
const (
	LogSeq     = "larder_seq"     // bigint: the number of the batch; batches are committed in this order
	LogAt      = "larder_at"      // timestamptz: when the batch was committed
	LogSign    = "larder_sign"    // smallint: 1 for an event, -1 for one that is retracted
	LogID      = "larder_id"      // text: identifies the event
	LogDeleted = "larder_deleted" // boolean: a retraction that no correction follows
)

// LogColumns returns the columns of a log's table besides the fields of its stream.
func LogColumns() []string { return []string{LogSeq, LogAt, LogSign, LogID, LogDeleted} }

// rows returns the source that a feature view of the stream's events has in Postgres: its
// log, where a retraction is a tombstone. Of the rows of a key that have one event time
// and come from one batch, that with the greatest id wins.
func (s *Stream) rows() *Source {
	return &Source{
		Name:           s.Name,
		Query:          fmt.Sprintf("SELECT * FROM %s WHERE %s > 0 OR %s", QuoteTable(s.Log.Table), LogSign, LogDeleted),
		TimestampField: s.TimestampField, CreatedTimestampColumn: LogAt, DeletedColumn: LogDeleted, TieColumn: LogID,
		OnBadRow: SkipBadRow,
	}
}

// QuoteTable returns TABLE or SCHEMA.TABLE as SQL.
func QuoteTable(table string) string {
	parts := strings.Split(table, ".")
	for i, p := range parts {
		parts[i] = `"` + strings.ReplaceAll(p, `"`, `""`) + `"`
	}
	return strings.Join(parts, ".")
}

// streamBasis describes what a view's rows or states depend on in its stream.
func (d *Definitions) streamBasis(s *Stream, view *FeatureView) string {
	a := d.aggregates(view.Name)
	if a == nil {
		return fmt.Sprintf("stream %q %q %q", s.Log.Table, s.TimestampField, s.DeletedField)
	}
	type state struct {
		Table, Time, Where string
		Columns            []string
		Zones              map[string]string
	}
	st := state{Table: s.Log.Table, Time: s.TimestampField, Where: a.View.Where, Zones: map[string]string{}}
	for _, c := range a.Columns {
		st.Columns = append(st.Columns, s.printed(c))
		if c.Window.Calendar != "" {
			st.Zones[c.Window.TimeZone] = zoneRules(c.Window.TimeZone)
		}
	}
	raw, _ := json.Marshal(st) // texts always have JSON
	return "aggregate " + string(raw)
}

// printed describes all that decides the values of an aggregate over events of the stream.
func (s *Stream) printed(c AggregateColumn) string {
	field := AllEvents
	if c.Field >= 0 {
		field = s.Fields[c.Field].Name + ":" + s.Fields[c.Field].Type.String()
	}
	window, _ := json.Marshal(c.Window) // a window always has JSON
	return fmt.Sprint(c.Op, field, c.At, c.Feature.N, c.Feature.Range, c.Feature.HalfLife, string(window))
}

// zoneRules identifies the rules of a time zone as this program has them: a release with
// other rules builds the states of calendar windows anew.
func zoneRules(name string) string {
	zone, err := time.LoadLocation(name)
	if err != nil {
		return ""
	}
	var b strings.Builder
	for at := time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 2100; {
		_, offset := at.In(zone).Zone()
		_, end := at.In(zone).ZoneBounds()
		if end.IsZero() {
			fmt.Fprintf(&b, "%d;", offset)
			break
		}
		if !end.After(at) { // as Go answers for some years of some zones
			end = at.AddDate(0, 0, 1)
		}
		fmt.Fprintf(&b, "%d %d;", offset, end.Unix())
		at = end
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:8])
}

// viewStream checks a feature view of a stream's events.
func (v *validator) viewStream(path string, view *FeatureView, keys []JoinKey) {
	owner := fmt.Sprintf("feature view %q", view.Name)
	if view.Source != "" {
		v.addf(path+".stream", "%s has both source and stream; keep one", owner)
	}
	s := v.streams[view.Stream]
	if s == nil {
		v.unknownf(view.Stream, names(v.streams), path+".stream", "%s: no stream %q", owner, view.Stream)
		return
	}
	if view.Schedule != 0 {
		v.addf(path+".schedule", "%s: the events of a stream are stored as they come; remove schedule", owner)
	}
	v.keysAreFields(path+".entities", owner, s, keys)
	for i, f := range view.Features {
		at := fmt.Sprintf("%s.features[%d]", path, i)
		switch field := s.Field(f.Name); {
		case field < 0:
			v.addf(at+".name", "%s: stream %q has no field %q; %s", owner, s.Name, f.Name, Nearest(f.Name, namesOf(s.Fields, func(f StreamField) string { return f.Name })))
		case s.Fields[field].Type != f.Type && f.Type != 0:
			v.addf(at+".type", "%s: feature %q is %s, and field %[2]q of stream %[4]q is %[5]s; write type: %[5]s", owner, f.Name, f.Type, s.Name, s.Fields[field].Type)
		case f.Name == s.TimestampField || f.Name == s.DeletedField:
			v.addf(at+".name", "%s: field %q is the event time or the deleted field of stream %q; remove it", owner, f.Name, s.Name)
		case slices.ContainsFunc(keys, func(k JoinKey) bool { return k.Name == f.Name }):
			v.addf(at+".name", "%s: %q is a join key of the view; remove it", owner, f.Name)
		}
	}
}

// keysAreFields checks that join keys are fields of a stream, of the same types.
func (v *validator) keysAreFields(path, owner string, s *Stream, keys []JoinKey) {
	for _, k := range keys {
		switch field := s.Field(k.Name); {
		case field < 0:
			v.addf(path, "%s: join key %q is no field of stream %q; add it to fields, with path: for where it is in a message", owner, k.Name, s.Name)
		case s.Fields[field].Type != k.Type:
			v.addf(path, "%s: join key %q is %s, and field %[2]q of stream %[4]q is %[5]s; give both one type", owner, k.Name, k.Type, s.Name, s.Fields[field].Type)
		}
	}
}

// Events returns a view of the log of an aggregate view: it has the same key, and a
// feature for each other field of the stream and for Larder's columns that tell events
// apart. Its rows are all events and retractions.
func (v *View) Events() *View {
	s := v.Stream
	out := &View{FeatureView: &FeatureView{Name: v.Name, Entities: v.Entities, Stream: v.FeatureView.Stream}, ID: v.ID, Keys: v.Keys, Stream: s, Catalog: v.Catalog}
	out.Origin = &Source{Name: s.Name, Table: s.Log.Table, TimestampField: s.TimestampField, CreatedTimestampColumn: LogAt, OnBadRow: SkipBadRow}
	isKey := func(name string) bool {
		return slices.ContainsFunc(v.Keys, func(k JoinKey) bool { return k.Name == name })
	}
	for _, f := range s.Fields {
		if f.Name != s.TimestampField && !isKey(f.Name) {
			out.Features = append(out.Features, Feature{Name: f.Name, Type: f.Type})
		}
	}
	out.Features = append(out.Features, Feature{Name: LogID, Type: String}, Feature{Name: LogSeq, Type: Int64}, Feature{Name: LogSign, Type: Int32})
	out.Layouts = [][]Column{viewColumns(out.FeatureView)}
	return out
}
