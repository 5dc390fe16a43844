package dbt

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"larder/schema"
	"larder/schema/definitions"
)

// features makes features of the columns that are neither keys nor times, with what dbt
// tests as comments; of other columns the comment of the view says it.
func (i *importer) features(d *draft, view *schema.FeatureView, comment *definitions.Comment) (comments []definitions.Comment) {
	taken := i.takenColumns(d, view)
	for _, name := range slices.Concat(d.meta.skip, d.meta.features) {
		if d.known && d.find(name) == nil {
			i.report(d.node, fmt.Sprintf("meta.larder names the column %q, which its table doesn't have", name), schema.Nearest(name, d.names()))
		}
	}
	unknown := 0
	for _, c := range d.columns {
		switch {
		case taken[c.name], c.meta.skip, slices.Contains(d.meta.skip, c.name), d.meta.features != nil && !slices.Contains(d.meta.features, c.name):
			continue
		case c.meta.typ == 0 && c.typeName == "":
			unknown++
			continue
		}
		feature, why, do := i.feature(d, c)
		if why != "" {
			i.report(d.node, fmt.Sprintf("the column %q is left out: %s", c.name, why), do)
			comment.Lines = append(comment.Lines, fmt.Sprintf("left out: %s, %s", c.name, why))
			continue
		}
		view.Features = append(view.Features, feature)
		if lines := i.expectedOf(d, c.name, "expect: "); len(lines) > 0 {
			comments = append(comments, definitions.Comment{Key: comment.Key, Name: comment.Name, Part: c.name, Lines: lines})
		}
	}
	if unknown > 0 {
		i.report(d.node, fmt.Sprintf("%d of its columns have no known type and are left out", unknown), "run dbt docs generate after dbt run, or give the columns a data_type")
	}
	comment.Lines = append(i.viewLines(d, taken), comment.Lines...)
	return comments
}

// takenColumns are those that are no features: keys, times, and what dbt adds to snapshots.
func (i *importer) takenColumns(d *draft, view *schema.FeatureView) map[string]bool {
	s := d.source
	taken := map[string]bool{s.TimestampField: true, s.CreatedTimestampColumn: true, s.DeletedColumn: true}
	for _, name := range view.Entities {
		for _, key := range i.entities[name].keys {
			taken[key] = true
		}
	}
	for _, name := range []string{"dbt_scd_id", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to", "dbt_is_deleted"} {
		taken[d.node.snapshotColumn(name)] = true
	}
	delete(taken, "")
	return taken
}

// viewLines are what dbt tests of the table, and of columns that are no features.
func (i *importer) viewLines(d *draft, taken map[string]bool) []string {
	lines := i.expectedOf(d, "", "expect: ")
	for _, c := range d.columns {
		if taken[c.name] {
			lines = append(lines, i.expectedOf(d, c.name, "expect "+c.name+": ")...)
		}
	}
	return lines
}

// expectedOf returns what dbt tests of a column, in lines.
func (i *importer) expectedOf(d *draft, column, prefix string) (lines []string) {
	for _, e := range i.expected[d.node.ID] {
		if strings.EqualFold(strings.Trim(e.column, `"`), column) {
			lines = append(lines, prefix+e.text)
		}
	}
	return lines
}

// feature makes a feature of a column, or says why it can't and what to do.
func (i *importer) feature(d *draft, c *draftColumn) (f schema.Feature, why, do string) {
	f = schema.Feature{Name: c.name, Type: cmp.Or(c.meta.typ, c.pg.typ)}
	switch {
	case f.Type == 0:
		return f, fmt.Sprintf("it has the type %s, which Larder doesn't know", c.typeName), "cast it in the model, skip it, or add type: string to its meta.larder if it is an enum"
	case c.pg.naive && d.source.TimeZone == "":
		return f, fmt.Sprintf("it has the type %s, without a time zone", c.typeName), "add time_zone: UTC, or the zone that its times are in, to the meta.larder of the node"
	case !isName(c.name):
		return f, "its name is not of letters, digits and _ alone", "rename it in the model"
	}
	var tags texts
	if c.said != nil {
		f.Description = strings.TrimSpace(string(c.said.Description))
		tags = slices.Concat(c.said.Tags, c.said.Config.Tags)
	}
	f.Tags = i.tags(tags, c.meta.tags)
	if c.meta.fallback != nil {
		value, err := schema.ParseValue(f.Type, c.meta.fallback)
		if err != nil {
			i.errs = append(i.errs, fmt.Errorf("%s: column %s: meta.larder.default: %w", d.node.place(), c.name, err))
		}
		f.Default = value
	}
	return f, "", ""
}

// isName reports whether a feature can have a name, as schema has it.
func isName(name string) bool {
	const most = 128
	for at, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r == '_', at > 0 && r >= '0' && r <= '9':
		default:
			return false
		}
	}
	return name != "" && len(name) <= most
}
