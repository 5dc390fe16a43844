package offline

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"larder/column/arrows"
)

// A cell appends a value of a column, which is not null, as Postgres reads it.
type cell func(dst []byte, row int) ([]byte, error)

// cell returns the cell of a column of a file.
func (m match) cell(a arrow.Array) (cell, error) {
	if m.csv {
		return m.csvCell(a)
	}
	k := m.to.loadKind()
	_, isList := a.(array.ListLike)
	if isNested(a.DataType()) || isList && k == jsonb {
		return jsonCell(a)
	}
	if list, is := a.(array.ListLike); is {
		open, end := byte('{'), byte('}')
		if k == pgvector || k == halfvec {
			k, open, end = float8, '[', ']'
		}
		elements, err := valueCell(list.ListValues(), k)
		if err != nil {
			return nil, err
		}
		return listCell(list, elements, open, end), nil
	}
	return valueCell(a, k)
}

// nulls returns which rows of an array are null. A category may be null too, and an array
// without a type has no bits that say so.
func nulls(a arrow.Array) func(row int) bool {
	switch a := a.(type) {
	case *array.Null:
		return func(int) bool { return true }
	case *array.Dictionary:
		categories := nulls(a.Dictionary())
		return func(row int) bool { return a.IsNull(row) || categories(a.GetValueIndex(row)) }
	}
	return a.IsNull
}

// listCell writes {1,NULL,"a b"}.
func listCell(list array.ListLike, element cell, open, end byte) cell {
	values := list.ListValues()
	quoted, null := isText(values), nulls(values)
	return func(dst []byte, row int) (_ []byte, err error) {
		from, to := list.ValueOffsets(row)
		dst = append(dst, open)
		for i := from; i < to; i++ {
			if i > from {
				dst = append(dst, ',')
			}
			if null(int(i)) {
				dst = append(dst, "NULL"...)
				continue
			}
			start := len(dst)
			if dst, err = element(dst, int(i)); err != nil {
				return dst, err
			}
			if quoted {
				dst = quoteElement(dst, start)
			}
		}
		return append(dst, end), nil
	}
}

// isText reports whether elements of lists need quotes.
func isText(values arrow.Array) bool {
	if d, is := values.(*array.Dictionary); is {
		values = d.Dictionary()
	}
	switch values.DataType().ID() {
	case arrow.STRING, arrow.LARGE_STRING, arrow.STRING_VIEW, arrow.BINARY, arrow.LARGE_BINARY, arrow.BINARY_VIEW, arrow.FIXED_SIZE_BINARY,
		arrow.TIMESTAMP, arrow.DATE32, arrow.DATE64:
		return true
	}
	return false
}

// quoteElement puts what was appended from start on in the quotes of an array's element.
func quoteElement(dst []byte, start int) []byte {
	element := string(dst[start:])
	return append(append(append(dst[:start], '"'), elementEscapes.Replace(element)...), '"')
}

var elementEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// valueCell returns the cell of values that are no lists, for a kind of column.
func valueCell(a arrow.Array, k kind) (cell, error) {
	switch a := a.(type) {
	case *array.Dictionary:
		values, err := valueCell(a.Dictionary(), k)
		if err != nil {
			return nil, err
		}
		return func(dst []byte, row int) ([]byte, error) { return values(dst, a.GetValueIndex(row)) }, nil
	case array.ExtensionArray:
		return valueCell(a.Storage(), k)
	case *array.Boolean:
		return func(dst []byte, row int) ([]byte, error) { return strconv.AppendBool(dst, a.Value(row)), nil }, nil
	case array.StringLike:
		return func(dst []byte, row int) ([]byte, error) { return append(dst, a.Value(row)...), nil }, nil
	case *array.Null:
		return func(dst []byte, _ int) ([]byte, error) { return dst, nil }, nil // never called
	}
	for _, of := range []func(arrow.Array, kind) cell{integerCell, floatCell, decimalCell, bytesCell, timeCell} {
		if c := of(a, k); c != nil {
			return c, nil
		}
	}
	return nil, fmt.Errorf("no values of the type %s can be loaded", a.DataType())
}

func integerCell(a arrow.Array, _ kind) cell {
	switch a := a.(type) {
	case *array.Int8:
		return signed(func(row int) int64 { return int64(a.Value(row)) })
	case *array.Int16:
		return signed(func(row int) int64 { return int64(a.Value(row)) })
	case *array.Int32:
		return signed(func(row int) int64 { return int64(a.Value(row)) })
	case *array.Int64:
		return signed(a.Value)
	case *array.Uint8:
		return signed(func(row int) int64 { return int64(a.Value(row)) })
	case *array.Uint16:
		return signed(func(row int) int64 { return int64(a.Value(row)) })
	case *array.Uint32:
		return signed(func(row int) int64 { return int64(a.Value(row)) })
	case *array.Uint64:
		return func(dst []byte, row int) ([]byte, error) { return strconv.AppendUint(dst, a.Value(row), 10), nil }
	}
	return nil
}

func signed(value func(int) int64) cell {
	return func(dst []byte, row int) ([]byte, error) { return strconv.AppendInt(dst, value(row), 10), nil }
}

// floatCell writes a float of 32 bits with the digits that tell it from its neighbours,
// unless the column has 64: there it is the number that it is.
func floatCell(a arrow.Array, k kind) cell {
	var value func(int) float64
	bits := 32
	switch a := a.(type) {
	case *array.Float16:
		value = func(row int) float64 { return float64(a.Value(row).Float32()) }
	case *array.Float32:
		value = func(row int) float64 { return float64(a.Value(row)) }
	case *array.Float64:
		value, bits = a.Value, 64
	default:
		return nil
	}
	if k == float8 {
		bits = 64
	}
	whole := k == int2 || k == int4 || k == int8
	return func(dst []byte, row int) ([]byte, error) {
		v := value(row)
		switch {
		case whole:
			return appendWhole(dst, v)
		case math.IsNaN(v):
			return append(dst, "NaN"...), nil
		case math.IsInf(v, 1):
			return append(dst, "Infinity"...), nil
		case math.IsInf(v, -1):
			return append(dst, "-Infinity"...), nil
		}
		return strconv.AppendFloat(dst, v, 'g', -1, bits), nil
	}
}

// appendWhole writes a float for a column of integers, which other than Postgres doesn't
// round it.
func appendWhole(dst []byte, v float64) ([]byte, error) {
	if v != math.Trunc(v) || math.Abs(v) > 1<<63 { // NaN is not equal to itself
		return dst, fmt.Errorf("%v is not a whole number that the column can have; make the column double precision, or mend the value", v)
	}
	return strconv.AppendFloat(dst, v+0, 'f', 0, 64), nil // no -0
}

func decimalCell(a arrow.Array, k kind) cell {
	var value func(int) string
	switch a := a.(type) {
	case *array.Decimal128:
		scale := a.DataType().(arrow.DecimalType).GetScale()
		value = func(row int) string { return decimalText(a.Value(row).BigInt().String(), int(scale)) }
	case *array.Decimal256:
		scale := a.DataType().(arrow.DecimalType).GetScale()
		value = func(row int) string { return decimalText(a.Value(row).BigInt().String(), int(scale)) }
	default:
		return nil
	}
	whole := k == int2 || k == int4 || k == int8
	return func(dst []byte, row int) ([]byte, error) {
		text := value(row)
		if !whole {
			return append(dst, text...), nil
		}
		number, fraction, _ := strings.Cut(text, ".")
		if strings.Trim(fraction, "0") != "" {
			return dst, fmt.Errorf("%s is not a whole number; make the column numeric, or mend the value", text)
		}
		return append(dst, number...), nil
	}
}

// decimalText places the point in the digits of a decimal.
func decimalText(digits string, scale int) string {
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign, digits = "-", digits[1:]
	}
	switch {
	case scale == 0:
		return sign + digits
	case scale < 0:
		return sign + digits + strings.Repeat("0", -scale)
	}
	if missing := scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	return sign + digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
}

func bytesCell(a arrow.Array, k kind) cell {
	var value func(int) []byte
	switch a := a.(type) {
	case *array.Binary:
		value = a.Value
	case *array.LargeBinary:
		value = a.Value
	case *array.BinaryView:
		value = a.Value
	case *array.FixedSizeBinary:
		value = a.Value
	default:
		return nil
	}
	return func(dst []byte, row int) ([]byte, error) {
		if k == bytea {
			dst = append(dst, `\x`...)
		}
		return hex.AppendEncode(dst, value(row)), nil
	}
}

// timeCell writes times in UTC, to the microsecond, which is what Postgres has: what is
// finer is cut off, so that no time moves to after itself.
func timeCell(a arrow.Array, k kind) cell {
	switch a := a.(type) {
	case *array.Date32:
		return func(dst []byte, row int) ([]byte, error) {
			return appendISO(dst, time.Unix(int64(a.Value(row))*86_400, 0).UTC(), time.DateOnly, ""), nil
		}
	case *array.Date64:
		return func(dst []byte, row int) ([]byte, error) {
			return appendISO(dst, time.UnixMilli(int64(a.Value(row))).UTC(), time.DateOnly, ""), nil
		}
	case *array.Timestamp:
		t := a.DataType().(*arrow.TimestampType)
		zone := ""
		if t.TimeZone != "" {
			zone = "+00"
		}
		return func(dst []byte, row int) ([]byte, error) {
			micros, ok := arrows.Micros(int64(a.Value(row)), t.Unit)
			if !ok {
				return dst, fmt.Errorf("a time of %d %s since 1970 is beyond those of Postgres; mend the value", a.Value(row), t.Unit)
			}
			return appendISO(dst, time.UnixMicro(micros).UTC(), microsLayout, zone), nil
		}
	case *array.Time32:
		unit := a.DataType().(*arrow.Time32Type).Unit
		return func(dst []byte, row int) ([]byte, error) {
			return appendClock(dst, time.Duration(a.Value(row))*unit.Multiplier())
		}
	case *array.Time64:
		unit := a.DataType().(*arrow.Time64Type).Unit
		return func(dst []byte, row int) ([]byte, error) {
			return appendClock(dst, time.Duration(a.Value(row))*unit.Multiplier())
		}
	}
	return nil
}

const microsLayout = "2006-01-02 15:04:05.999999"

// appendISO writes a time; years before the first have BC.
func appendISO(dst []byte, t time.Time, layout, zone string) []byte {
	if year := t.Year(); year <= 0 {
		// A leap year of the same remainder, as 0 is one.
		t = t.AddDate(4000*((-year)/4000+1), 0, 0)
		text := t.AppendFormat(nil, layout)
		dst = append(dst, fmt.Sprintf("%04d", 1-year)...)
		return append(append(append(dst, text[strings.IndexByte(string(text), '-'):]...), zone...), " BC"...)
	}
	return append(t.AppendFormat(dst, layout), zone...)
}

func appendClock(dst []byte, since time.Duration) ([]byte, error) {
	if since < 0 || since >= 24*time.Hour {
		return dst, fmt.Errorf("%s since midnight is not a time of day; mend the value", since)
	}
	return time.Unix(0, int64(since)).UTC().AppendFormat(dst, "15:04:05.999999"), nil
}
