package integration_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	larderv1 "larder/api/larder/v1"
)

// textColumn makes a column of a type from text; the text null makes a null.
func textColumn(t testing.TB, name, typ string, values []string) *larderv1.Column {
	t.Helper()
	c := &larderv1.Column{Name: name}
	for i, v := range values {
		if v == "null" {
			c.Nulls = append(c.Nulls, uint32(i))
			values[i] = map[bool]string{true: "0", false: ""}[strings.HasPrefix(typ, "int")]
		}
	}
	switch typ {
	case "int64":
		c.Values = &larderv1.Column_Int64S{Int64S: &larderv1.Int64S{Values: each(t, values, func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) })}}
	case "int32":
		c.Values = &larderv1.Column_Int32S{Int32S: &larderv1.Int32S{Values: each(t, values, func(s string) (int32, error) {
			v, err := strconv.ParseInt(s, 10, 32)
			return int32(v), err
		})}}
	case "bool":
		c.Values = &larderv1.Column_Bools{Bools: &larderv1.Bools{Values: each(t, values, strconv.ParseBool)}}
	default:
		c.Values = &larderv1.Column_Strings{Strings: &larderv1.Strings{Values: values}}
	}
	return c
}

func each[T any](t testing.TB, values []string, parse func(string) (T, error)) []T {
	t.Helper()
	out := make([]T, len(values))
	for i, v := range values {
		var err error
		if out[i], err = parse(v); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// cell prints the value in one row of a column.
func cell(c *larderv1.Column, row int) string {
	if slices.Contains(c.GetNulls(), uint32(row)) {
		return "null"
	}
	switch v := c.GetValues().(type) {
	case *larderv1.Column_Bools:
		return fmt.Sprint(v.Bools.GetValues()[row])
	case *larderv1.Column_Int32S:
		return fmt.Sprint(v.Int32S.GetValues()[row])
	case *larderv1.Column_Int64S:
		return fmt.Sprint(v.Int64S.GetValues()[row])
	case *larderv1.Column_Floats:
		return fmt.Sprint(v.Floats.GetValues()[row])
	case *larderv1.Column_Doubles:
		return fmt.Sprint(v.Doubles.GetValues()[row])
	case *larderv1.Column_Strings:
		return v.Strings.GetValues()[row]
	case *larderv1.Column_Blobs:
		return fmt.Sprintf("%x", v.Blobs.GetValues()[row])
	case *larderv1.Column_Timestamps:
		return time.UnixMicro(v.Timestamps.GetValues()[row]).UTC().Format("15:04:05.999999")
	case *larderv1.Column_Lists:
		var cells []string
		start := uint32(0)
		if row > 0 {
			start = v.Lists.GetEnds()[row-1]
		}
		for i := start; i < v.Lists.GetEnds()[row]; i++ {
			cells = append(cells, cell(v.Lists.GetElements(), int(i)))
		}
		return "[" + strings.Join(cells, ",") + "]"
	}
	return "none"
}
