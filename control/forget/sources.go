package forget

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"larder/schema"
)

// A Statement is what a team runs to delete keys from a source of its own.
type Statement struct {
	Source string
	// SQL deletes the rows; for a source that is a query, a comment says what to do.
	SQL string
}

// sourcesOf returns the sources whose rows have all of the join keys: those of views with
// them, and of labels.
func sourcesOf(c *schema.Catalog, keys []schema.JoinKey) []*schema.Source {
	var all []*schema.Source
	add := func(v *schema.View) {
		if v == nil || v.Stream != nil || v.Origin == nil || slices.Contains(all, v.Origin) {
			return
		}
		if hasAll(v.Keys, keys) {
			all = append(all, v.Origin)
		}
	}
	for _, v := range c.Views() {
		add(v)
	}
	for i := range c.Definitions.Models {
		add(c.LabelsView(&c.Definitions.Models[i]))
	}
	return all
}

// statementKeys is how many keys one statement names.
const statementKeys = 1000

// statement returns what deletes keys from a source.
func statement(s *schema.Source, keys []schema.JoinKey, values [][]any) Statement {
	if s.Table == "" {
		return Statement{s.Name, "-- source " + s.Name + " is a query; delete the keys from the tables that it reads\n"}
	}
	var columns []string
	for _, k := range keys {
		columns = append(columns, quoteName(k.Name))
	}
	var sql strings.Builder
	for len(values) > 0 {
		n := min(len(values), statementKeys)
		var rows []string
		for _, key := range values[:n] {
			var literals []string
			for _, v := range key {
				literals = append(literals, literal(v))
			}
			rows = append(rows, tuple(literals))
		}
		fmt.Fprintf(&sql, "DELETE FROM %s WHERE %s IN (%s);\n", schema.QuoteTable(s.Table), tuple(columns), strings.Join(rows, ", "))
		values = values[n:]
	}
	return Statement{s.Name, sql.String()}
}

func tuple(parts []string) string {
	if len(parts) == 1 {
		return parts[0]
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// literal returns a value as SQL, whatever standard_conforming_strings says.
func literal(v any) string {
	switch v := v.(type) {
	case string:
		return quoteText(v)
	case []byte:
		return `decode('` + hex.EncodeToString(v) + `', 'hex')`
	case time.Time:
		return "TIMESTAMPTZ '" + textOf(v) + "'"
	}
	return textOf(v)
}

func quoteText(s string) string {
	quoted := strings.ReplaceAll(s, `'`, `''`)
	if !strings.Contains(s, `\`) {
		return `'` + quoted + `'`
	}
	return `E'` + strings.ReplaceAll(quoted, `\`, `\\`) + `'`
}
