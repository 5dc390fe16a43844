package dbt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// An expectation is what a dbt test checks, in words.
type expectation struct {
	column string // "": the table
	text   string
}

// expectations returns those of each node, in the order of the manifest.
func (m *Manifest) expectations() map[string][]expectation {
	byID := map[string]*node{}
	for _, n := range m.nodes {
		byID[n.ID] = n
	}
	out := map[string][]expectation{}
	for _, t := range m.tests {
		id := t.nodeID(byID)
		if id == "" || t.Metadata.Name == "" { // a test of its own SQL is of no one table
			continue
		}
		e := expectation{column: string(t.Column), text: t.words()}
		if e.column == "" {
			e.column = t.kwarg("column_name")
		}
		if !slices.Contains(out[id], e) {
			out[id] = append(out[id], e)
		}
	}
	return out
}

// reference finds the last name in ref('package', 'name') and source('app', 'name').
var reference = regexp.MustCompile(`(?:ref|source)\(\s*(?:['"]([^'"]*)['"]\s*,\s*)?['"]([^'"]*)['"]`)

// nodeID returns the node that a test is of. Before dbt 1.5 only its arguments say it.
func (t *test) nodeID(nodes map[string]*node) string {
	if t.Attached != "" {
		return string(t.Attached)
	}
	found := reference.FindStringSubmatch(t.kwarg("model"))
	for _, id := range t.DependsOn.Nodes {
		n := nodes[id]
		if n == nil {
			continue
		}
		if len(t.DependsOn.Nodes) == 1 || found != nil && string(n.Name) == found[2] && (n.Kind != "source" || string(n.SourceName) == found[1]) {
			return id
		}
	}
	return ""
}

// arguments returns what a test was given, by name.
func (t *test) arguments() map[string]any {
	out := map[string]any{}
	for key, raw := range t.Metadata.Kwargs {
		if key == "model" || key == "column_name" {
			continue
		}
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		var value any
		if d.Decode(&value) == nil && value != nil {
			out[key] = value
		}
	}
	return out
}

func (t *test) kwarg(name string) string {
	var value text
	if json.Unmarshal(t.Metadata.Kwargs[name], &value) != nil {
		return ""
	}
	return string(value)
}

// words says what a test expects.
func (t *test) words() string {
	args := t.arguments()
	said := ""
	switch t.Metadata.Name {
	case "not_null":
		said = "not null"
	case "unique":
		said = "unique"
	case "accepted_values":
		if values, is := args["values"].([]any); is {
			said = "one of " + list(values)
		}
	case "relationships":
		if to := reference.FindStringSubmatch(t.kwarg("to")); to != nil && args["field"] != nil {
			said = fmt.Sprintf("found in %s.%v", to[2], args["field"])
		}
	case "accepted_range":
		said = bounds(args, args["inclusive"] == false)
	case "expect_column_values_to_be_between":
		said = bounds(args, args["strictly"] == true)
	case "unique_combination_of_columns":
		if columns, is := args["combination_of_columns"].([]any); is {
			said = "unique by " + list(columns)
		}
	}
	if said == "" {
		said = t.call(args)
	}
	if t.Config.Where != "" {
		said += " where " + string(t.Config.Where)
	}
	if strings.EqualFold(string(t.Config.Severity), "warn") {
		said += " (dbt warns only)"
	}
	return said
}

// call writes a test as it is in the project.
func (t *test) call(args map[string]any) string {
	name := string(t.Metadata.Name)
	if t.Metadata.Namespace != "" {
		name = string(t.Metadata.Namespace) + "." + name
	}
	var parts []string
	for key, value := range args {
		parts = append(parts, key+": "+argument(value))
	}
	slices.Sort(parts)
	if len(parts) == 0 {
		return name
	}
	return name + "(" + strings.Join(parts, ", ") + ")"
}

// bounds writes min_value and max_value.
func bounds(args map[string]any, strict bool) string {
	above, below := ">= ", "<= "
	if strict {
		above, below = "> ", "< "
	}
	var parts []string
	if least := args["min_value"]; least != nil {
		parts = append(parts, above+argument(least))
	}
	if most := args["max_value"]; most != nil {
		parts = append(parts, below+argument(most))
	}
	return strings.Join(parts, " and ")
}

func list(values []any) string {
	parts := make([]string, len(values))
	for i, v := range values {
		parts[i] = argument(v)
	}
	return strings.Join(parts, ", ")
}

func argument(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case []any:
		return "[" + list(value) + "]"
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(raw)
}
