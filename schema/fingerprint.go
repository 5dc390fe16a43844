package schema

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Fingerprint returns the hex SHA-256 of everything that decides the values of a
// plan's features: their order, types, defaults and expressions, and how each view
// finds a row. Plans with equal fingerprints make the same vectors from the same rows.
// Owners, descriptions, schedules and views that aren't read don't count.
func (p *Plan) Fingerprint() string {
	var out printedPlan
	for _, v := range p.Views {
		printed := printedView{
			Keys: v.Keys, TTL: v.TTL, Table: v.Origin.Table, Query: v.Origin.Query,
			EventTime: v.Origin.TimestampField, IngestTime: v.Origin.CreatedTimestampColumn, TimeZone: v.Origin.TimeZone, Deleted: v.Origin.DeletedColumn,
		}
		if v.Stream != nil { // the query that finds its rows is Larder's own
			printed.Table, printed.Query = v.Stream.Log.Table, ""
		}
		if v.Aggregates != nil {
			printed.Where = v.Aggregates.View.Where
		}
		for _, s := range v.Slots {
			column := printedColumn{Feature: s.Feature, Name: v.Features[s.Column].Name}
			if v.Aggregates != nil {
				column.Aggregate = v.Stream.printed(v.Aggregates.Columns[s.Column])
			}
			printed.Columns = append(printed.Columns, column)
		}
		out.Views = append(out.Views, printed)
	}
	for number := range len(p.Features) + len(p.Inputs) {
		f := p.Feature(number)
		printed := printedFeature{Name: f.Name, Type: f.Type, InVector: number < len(p.Features)}
		if f.Default != nil {
			printed.Default = AppendValue(nil, f.Default)
		}
		if f.Expr != nil {
			printed.Expr, printed.Inputs = f.Expr.Feature.Expr, f.Expr.Inputs
		}
		out.Features = append(out.Features, printed)
	}
	raw, err := json.Marshal(out)
	if err != nil {
		panic(fmt.Sprintf("schema: a plan that has no JSON: %v", err))
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// The input of a fingerprint. Models are stamped with fingerprints, so a change of
// this form makes every stamp look old.
type (
	printedPlan struct {
		Views    []printedView
		Features []printedFeature
	}
	printedView struct {
		Keys                                     []JoinKey
		TTL                                      Duration
		Table, Query                             string
		EventTime, IngestTime, TimeZone, Deleted string
		Where                                    string `json:",omitempty"` // of an aggregate view
		Columns                                  []printedColumn
	}
	printedColumn struct {
		Feature   int
		Name      string
		Aggregate string `json:",omitempty"`
	}
	printedFeature struct {
		Name     string
		Type     Type
		InVector bool
		Default  json.RawMessage `json:",omitempty"`
		Expr     string          `json:",omitempty"`
		Inputs   []int           `json:",omitempty"`
	}
)
