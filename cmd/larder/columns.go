package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	larderv1 "larder/api/larder/v1"
	"larder/schema"
)

// appendValue appends a value, in the Go form of schema.ParseValue, to a column
// of scalars.
func appendValue(c *larderv1.Column, t schema.Type, v any) {
	switch t {
	case schema.Bool:
		c.Values = &larderv1.Column_Bools{Bools: &larderv1.Bools{Values: append(c.GetBools().GetValues(), v.(bool))}}
	case schema.Int32:
		c.Values = &larderv1.Column_Int32S{Int32S: &larderv1.Int32S{Values: append(c.GetInt32S().GetValues(), v.(int32))}}
	case schema.Int64:
		c.Values = &larderv1.Column_Int64S{Int64S: &larderv1.Int64S{Values: append(c.GetInt64S().GetValues(), v.(int64))}}
	case schema.Float32:
		c.Values = &larderv1.Column_Floats{Floats: &larderv1.Floats{Values: append(c.GetFloats().GetValues(), v.(float32))}}
	case schema.Float64:
		c.Values = &larderv1.Column_Doubles{Doubles: &larderv1.Doubles{Values: append(c.GetDoubles().GetValues(), v.(float64))}}
	case schema.String:
		c.Values = &larderv1.Column_Strings{Strings: &larderv1.Strings{Values: append(c.GetStrings().GetValues(), v.(string))}}
	case schema.Bytes:
		c.Values = &larderv1.Column_Blobs{Blobs: &larderv1.Blobs{Values: append(c.GetBlobs().GetValues(), v.([]byte))}}
	case schema.Timestamp:
		micros := v.(time.Time).UnixMicro()
		c.Values = &larderv1.Column_Timestamps{Timestamps: &larderv1.Int64S{Values: append(c.GetTimestamps().GetValues(), micros)}}
	}
}

// columnRows returns the number of rows of a request.
func columnRows(entities []*larderv1.Column) int {
	if len(entities) == 0 {
		return 0
	}
	c := entities[0]
	return max(len(c.GetBools().GetValues()), len(c.GetInt32S().GetValues()), len(c.GetInt64S().GetValues()), len(c.GetStrings().GetValues()),
		len(c.GetBlobs().GetValues()), len(c.GetTimestamps().GetValues()))
}

// valueText prints the value of one row of a column.
func valueText(c *larderv1.Column, r int) string {
	if slices.Contains(c.GetNulls(), uint32(r)) {
		return "null"
	}
	switch v := c.GetValues().(type) {
	case *larderv1.Column_Bools:
		return fmt.Sprint(v.Bools.GetValues()[r])
	case *larderv1.Column_Int32S:
		return fmt.Sprint(v.Int32S.GetValues()[r])
	case *larderv1.Column_Int64S:
		return fmt.Sprint(v.Int64S.GetValues()[r])
	case *larderv1.Column_Floats:
		return fmt.Sprint(v.Floats.GetValues()[r])
	case *larderv1.Column_Doubles:
		return fmt.Sprint(v.Doubles.GetValues()[r])
	case *larderv1.Column_Strings:
		return fmt.Sprintf("%q", v.Strings.GetValues()[r])
	case *larderv1.Column_Blobs:
		return fmt.Sprintf("%x", v.Blobs.GetValues()[r])
	case *larderv1.Column_Timestamps:
		return time.UnixMicro(v.Timestamps.GetValues()[r]).UTC().Format(time.RFC3339Nano)
	case *larderv1.Column_Lists:
		return listText(v.Lists, r)
	}
	return ""
}

func listText(l *larderv1.Lists, r int) string {
	start := uint32(0)
	if r > 0 {
		start = l.GetEnds()[r-1]
	}
	var parts []string
	for i := start; i < l.GetEnds()[r]; i++ {
		parts = append(parts, valueText(l.GetElements(), int(i)))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
