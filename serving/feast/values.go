package feast

import (
	"fmt"
	"math"
	"time"

	feasttypes "larder/api/feast/types"
	"larder/column"
	"larder/schema"
)

// protoValues are the values of a column in messages.
type protoValues []*feasttypes.Value

func (v protoValues) rows(int) (int, error) { return len(v), nil }

func (v protoValues) column(t schema.Type, maxRows int) (column.Column, error) {
	c := column.Column{Type: t}
	if len(v) > maxRows {
		return c, schema.TooManyRows.Errorf("the request has %d rows; at most %d fit, split it", len(v), maxRows)
	}
	c.Valid = make([]bool, len(v))
	for i, one := range v {
		value, err := goValue(t, one)
		if err != nil {
			return c, schema.BadValue.Errorf("row %d: %v", i, err)
		}
		c.Valid[i] = value != nil
		c.AppendValue(value)
	}
	return c, nil
}

// goValue returns a message as a value of a type, in the Go form of [schema.ParseValue]; nil
// where it is null. Numbers that fit are converted; all that Feast keeps as text fits a
// string.
func goValue(t schema.Type, v *feasttypes.Value) (any, error) {
	if isNull(v) {
		return nil, nil
	}
	if !t.IsList() {
		return scalar(t, v)
	}
	elements, is := elementsOf(v)
	if !is {
		return nil, unfit(t, v)
	}
	if err := t.CheckLen(len(elements)); err != nil {
		return nil, err
	}
	list := make([]any, len(elements))
	for i, element := range elements {
		if isNull(element) {
			return nil, fmt.Errorf("element %d is null; leave it out", i)
		}
		value, err := scalar(t.Elem(), element)
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
		list[i] = value
	}
	return list, nil
}

func isNull(v *feasttypes.Value) bool {
	_, null := v.GetVal().(*feasttypes.Value_NullVal)
	return null || v.GetVal() == nil
}

// scalar reads a value that is not null.
func scalar(t schema.Type, v *feasttypes.Value) (any, error) {
	switch x := v.GetVal().(type) {
	case *feasttypes.Value_BoolVal:
		if t == schema.Bool {
			return x.BoolVal, nil
		}
	case *feasttypes.Value_Int32Val:
		return number(t, v, int64(x.Int32Val))
	case *feasttypes.Value_Int64Val:
		return number(t, v, x.Int64Val)
	case *feasttypes.Value_UnixTimestampVal:
		if t == schema.Timestamp {
			return number(t, v, x.UnixTimestampVal)
		}
	case *feasttypes.Value_FloatVal:
		return float(t, v, float64(x.FloatVal))
	case *feasttypes.Value_DoubleVal:
		return float(t, v, x.DoubleVal)
	case *feasttypes.Value_BytesVal:
		if t == schema.Bytes {
			return x.BytesVal, nil
		}
	case *feasttypes.Value_StringVal:
		return text(t, v, x.StringVal)
	case *feasttypes.Value_UuidVal:
		return text(t, v, x.UuidVal)
	case *feasttypes.Value_TimeUuidVal:
		return text(t, v, x.TimeUuidVal)
	case *feasttypes.Value_JsonVal:
		return text(t, v, x.JsonVal)
	case *feasttypes.Value_DecimalVal:
		return text(t, v, x.DecimalVal)
	}
	return nil, unfit(t, v)
}

// number returns an integer as a value of a type; of a timestamp it is whole seconds.
func number(t schema.Type, v *feasttypes.Value, n int64) (any, error) {
	switch t {
	case schema.Int32:
		if n < math.MinInt32 || n > math.MaxInt32 {
			return nil, fmt.Errorf("%d does not fit an int32", n)
		}
		return int32(n), nil
	case schema.Int64:
		return n, nil
	case schema.Float32:
		return float32(n), nil
	case schema.Float64:
		return float64(n), nil
	case schema.Timestamp:
		if n < schema.BeginningOfTime/1_000_000 || n > schema.EndOfTime/1_000_000 {
			return nil, fmt.Errorf("%d seconds are not in the years -4713 to 9999", n)
		}
		return time.Unix(n, 0).UTC(), nil
	}
	return nil, unfit(t, v)
}

func float(t schema.Type, v *feasttypes.Value, f float64) (any, error) {
	switch t {
	case schema.Float32:
		return float32(f), nil
	case schema.Float64:
		return f, nil
	}
	return nil, unfit(t, v)
}

func text(t schema.Type, v *feasttypes.Value, s string) (any, error) {
	if t == schema.String {
		return s, nil
	}
	return nil, unfit(t, v)
}

// unfit says that a message is not of a type. It names the member that holds the value,
// such as string_val.
func unfit(t schema.Type, v *feasttypes.Value) error {
	m := v.ProtoReflect()
	member := m.WhichOneof(m.Descriptor().Oneofs().ByName("val"))
	return fmt.Errorf("%s is not a value of type %s; send %s", member.Name(), t, memberOf(t))
}

// memberOf returns the member of a message that holds values of a type.
func memberOf(t schema.Type) string {
	member := [...]string{
		schema.Bool: "bool", schema.Int32: "int32", schema.Int64: "int64", schema.Float32: "float", schema.Float64: "double",
		schema.String: "string", schema.Bytes: "bytes", schema.Timestamp: "unix_timestamp",
	}[t.Elem()]
	if t.IsList() {
		member += "_list"
	}
	return member + "_val"
}

// elementsOf returns the elements of a list.
func elementsOf(v *feasttypes.Value) ([]*feasttypes.Value, bool) {
	switch x := v.GetVal().(type) {
	case *feasttypes.Value_BoolListVal:
		return wrapped(x.BoolListVal.GetVal(), boolMessage), true
	case *feasttypes.Value_Int32ListVal:
		return wrapped(x.Int32ListVal.GetVal(), int32Message), true
	case *feasttypes.Value_Int64ListVal:
		return wrapped(x.Int64ListVal.GetVal(), int64Message), true
	case *feasttypes.Value_UnixTimestampListVal:
		return wrapped(x.UnixTimestampListVal.GetVal(), secondsMessage), true
	case *feasttypes.Value_FloatListVal:
		return wrapped(x.FloatListVal.GetVal(), floatMessage), true
	case *feasttypes.Value_DoubleListVal:
		return wrapped(x.DoubleListVal.GetVal(), doubleMessage), true
	case *feasttypes.Value_BytesListVal:
		return wrapped(x.BytesListVal.GetVal(), bytesMessage), true
	case *feasttypes.Value_StringListVal:
		return wrapped(x.StringListVal.GetVal(), stringMessage), true
	case *feasttypes.Value_ListVal:
		return x.ListVal.GetVal(), true
	}
	return nil, false
}

func wrapped[T any](values []T, one func(T) *feasttypes.Value) []*feasttypes.Value {
	all := make([]*feasttypes.Value, len(values))
	for i, v := range values {
		all[i] = one(v)
	}
	return all
}

func boolMessage(v bool) *feasttypes.Value {
	return &feasttypes.Value{Val: &feasttypes.Value_BoolVal{BoolVal: v}}
}

func int32Message(v int32) *feasttypes.Value {
	return &feasttypes.Value{Val: &feasttypes.Value_Int32Val{Int32Val: v}}
}

func int64Message(v int64) *feasttypes.Value {
	return &feasttypes.Value{Val: &feasttypes.Value_Int64Val{Int64Val: v}}
}

func secondsMessage(v int64) *feasttypes.Value {
	return &feasttypes.Value{Val: &feasttypes.Value_UnixTimestampVal{UnixTimestampVal: v}}
}

func floatMessage(v float32) *feasttypes.Value {
	return &feasttypes.Value{Val: &feasttypes.Value_FloatVal{FloatVal: v}}
}

func doubleMessage(v float64) *feasttypes.Value {
	return &feasttypes.Value{Val: &feasttypes.Value_DoubleVal{DoubleVal: v}}
}

func bytesMessage(v []byte) *feasttypes.Value {
	return &feasttypes.Value{Val: &feasttypes.Value_BytesVal{BytesVal: v}}
}

func stringMessage(v string) *feasttypes.Value {
	return &feasttypes.Value{Val: &feasttypes.Value_StringVal{StringVal: v}}
}

// valueMessages returns the values of a column as messages, which alias them: a column of
// an answer keeps its values when its answer is released. A null has no member.
func valueMessages(c *column.Column, rows int) []*feasttypes.Value {
	all := make([]*feasttypes.Value, rows)
	for i := range all {
		switch {
		case c.IsNull(i):
			all[i] = new(feasttypes.Value)
		case c.Type.IsList():
			start, end := c.List(i)
			all[i] = listMessage(c, start, end)
		default:
			all[i] = scalarMessage(c, i)
		}
	}
	return all
}

func scalarMessage(c *column.Column, i int) *feasttypes.Value {
	switch c.Type {
	case schema.Bool:
		return boolMessage(c.Bools[i])
	case schema.Int32:
		return int32Message(c.Int32s[i])
	case schema.Int64:
		return int64Message(c.Int64s[i])
	case schema.Timestamp:
		return secondsMessage(schema.Seconds(c.Int64s[i]))
	case schema.Float32:
		return floatMessage(c.Float32s[i])
	case schema.Float64:
		return doubleMessage(c.Float64s[i])
	case schema.Bytes:
		return bytesMessage(c.Bytes[i])
	}
	return stringMessage(c.Strings[i])
}

func listMessage(c *column.Column, start, end uint32) *feasttypes.Value {
	v := new(feasttypes.Value)
	switch c.Type.Elem() {
	case schema.Bool:
		v.Val = &feasttypes.Value_BoolListVal{BoolListVal: &feasttypes.BoolList{Val: c.Bools[start:end:end]}}
	case schema.Int32:
		v.Val = &feasttypes.Value_Int32ListVal{Int32ListVal: &feasttypes.Int32List{Val: c.Int32s[start:end:end]}}
	case schema.Int64:
		v.Val = &feasttypes.Value_Int64ListVal{Int64ListVal: &feasttypes.Int64List{Val: c.Int64s[start:end:end]}}
	case schema.Timestamp:
		list := make([]int64, 0, end-start)
		for _, micros := range c.Int64s[start:end] {
			list = append(list, schema.Seconds(micros))
		}
		v.Val = &feasttypes.Value_UnixTimestampListVal{UnixTimestampListVal: &feasttypes.Int64List{Val: list}}
	case schema.Float32:
		v.Val = &feasttypes.Value_FloatListVal{FloatListVal: &feasttypes.FloatList{Val: c.Float32s[start:end:end]}}
	case schema.Float64:
		v.Val = &feasttypes.Value_DoubleListVal{DoubleListVal: &feasttypes.DoubleList{Val: c.Float64s[start:end:end]}}
	case schema.Bytes:
		v.Val = &feasttypes.Value_BytesListVal{BytesListVal: &feasttypes.BytesList{Val: c.Bytes[start:end:end]}}
	default:
		v.Val = &feasttypes.Value_StringListVal{StringListVal: &feasttypes.StringList{Val: c.Strings[start:end:end]}}
	}
	return v
}
