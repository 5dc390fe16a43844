package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	larderv1 "larder/api/larder/v1"
	"larder/column/wire"
)

// columnRows returns the number of rows of a request.
func columnRows(entities []*larderv1.Column) int {
	if len(entities) == 0 {
		return 0
	}
	first := wire.Column(entities[0])
	return first.Len()
}

// valueText prints the value of one row of a column.
func valueText(c *larderv1.Column, r int) string {
	if slices.Contains(c.GetNulls(), uint32(r)) {
		return "null"
	}
	values := wire.Column(c)
	return goText(values.Value(r))
}

// maxShown is the most elements of a list that are all printed; of a longer one the first
// few are, and how many there are.
const (
	maxShown = 16
	shownOf  = 8
)

// goText prints a value in the Go form of schema.ParseValue.
func goText(v any) string {
	switch v := v.(type) {
	case string:
		return fmt.Sprintf("%q", v)
	case []byte:
		return fmt.Sprintf("%x", v)
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case []any:
		all := len(v)
		if all > maxShown {
			v = v[:shownOf]
		}
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = goText(v[i])
		}
		if all > len(v) {
			parts = append(parts, fmt.Sprintf("... %d in all", all))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return fmt.Sprint(v)
}
