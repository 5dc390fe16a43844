package codec

import (
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strings"

	"github.com/twmb/avro"

	"larder/schema"
)

// An avroSetter sets a field's value from one of the struct.
type avroSetter func(f *field, v *value, from reflect.Value) error

// avroSource returns the Go type that the library reads a value into, and how a field
// takes it from there.
func avroSource(branches []*avro.SchemaNode, f *field) (reflect.Type, avroSetter, error) {
	if len(branches) > 1 {
		return reflect.TypeFor[any](), setAvroAny, avroUnion(branches, f)
	}
	n := branches[0]
	refused := fmt.Errorf("%s can't be read as %s", avroName(branches), f.kind)
	switch n.Type {
	case "boolean":
		return reflect.TypeFor[bool](), setAvroBool, unless(f.kind == schema.Bool, refused)
	case "int", "long":
		set, err := avroInteger(n, f)
		return reflect.TypeFor[int64](), set, err
	case "float", "double":
		return reflect.TypeFor[float64](), setAvroFloat, unless(f.kind.IsFloat(), refused)
	case "string", "enum":
		fits := f.kind == schema.String || f.kind == schema.Timestamp && f.clock.unit() == 0
		return reflect.TypeFor[string](), setAvroText, unless(fits, refused)
	case "bytes", "fixed":
		set, err := avroBytes(n, f, refused)
		return reflect.TypeFor[[]byte](), set, err
	}
	return nil, nil, fmt.Errorf("%w; name a value in it by path", refused)
}

func unless(ok bool, err error) error {
	if ok {
		return nil
	}
	return err
}

// avroUnion refuses unions whose values can't be told apart, or that can never fit.
func avroUnion(branches []*avro.SchemaNode, f *field) error {
	for _, n := range branches {
		switch n.Type {
		case "record", "error", "array", "map": // the library would make all of it
			return fmt.Errorf("it is a union of several types, one of them %s; use a union of null and one type", n.Type)
		}
		if n.LogicalType != "" && f.kind != schema.String && f.kind != schema.Bytes {
			return fmt.Errorf("it is a union of several types, one of them %s; use a union of null and one type", n.LogicalType)
		}
	}
	for i := range branches {
		if _, _, err := avroSource(branches[i:i+1], f); err == nil {
			return nil
		}
	}
	return fmt.Errorf("no type of its union can be read as %s", f.kind)
}

// avroInteger returns how a field takes an int or long.
func avroInteger(n *avro.SchemaNode, f *field) (avroSetter, error) {
	if f.kind.IsInteger() || f.kind.IsFloat() {
		return setAvroInteger, nil
	}
	if f.kind != schema.Timestamp {
		return nil, fmt.Errorf("%s can't be read as %s", n.Type, f.kind)
	}
	name, local := strings.CutPrefix(n.LogicalType, "local-")
	unit := map[string]int64{"timestamp-millis": 1e3, "timestamp-micros": 1e6, "timestamp-nanos": 1e9}[name]
	switch {
	case n.LogicalType == "date":
		return setAvroDate, unless(f.clock.zone != nil, fmt.Errorf("a date has no time zone; set time_zone, as UTC"))
	case unit == 0 && f.clock.unit() == 0:
		return nil, fmt.Errorf("%s has no logical type of a time; set format: epoch_s, epoch_ms, epoch_us or epoch_ns", n.Type)
	case unit == 0:
		return setAvroEpoch(f.clock.unit()), nil
	case f.clock.unit() != 0 && f.clock.unit() != unit:
		return nil, fmt.Errorf("format is %s and the schema says %s; leave out format", f.clock.format, n.LogicalType)
	case local:
		return setAvroLocal(unit), unless(f.clock.zone != nil, fmt.Errorf("%s has no time zone; set time_zone", n.LogicalType))
	}
	return setAvroEpoch(unit), nil
}

// avroBytes returns how a field takes bytes or fixed.
func avroBytes(n *avro.SchemaNode, f *field, refused error) (avroSetter, error) {
	const maxScale = 300 // about where 1 in the last digit is the least float64
	switch {
	case n.LogicalType == "decimal" && (f.kind.IsFloat() || f.kind.IsInteger()):
		return setDecimal(n.Scale), unless(n.Scale >= 0 && n.Scale <= maxScale, fmt.Errorf("the decimal's scale is %d; at most %d can be read", n.Scale, maxScale))
	case n.LogicalType == "uuid" && n.Type == "fixed" && f.kind == schema.String:
		return setAvroUUID, nil
	}
	return setAvroBytes, unless(f.kind == schema.Bytes, refused)
}

func setAvroBool(_ *field, v *value, from reflect.Value) error {
	v.setBool(from.Bool())
	return nil
}

func setAvroInteger(f *field, v *value, from reflect.Value) error { return f.setNumber(v, from.Int()) }

func setAvroFloat(f *field, v *value, from reflect.Value) error { return f.setRounded(v, from.Float()) }

func setAvroText(f *field, v *value, from reflect.Value) error {
	text := []byte(from.String())
	if f.kind == schema.Timestamp {
		return f.setRFC3339(v, text)
	}
	return f.setText(v, text)
}

func setAvroBytes(_ *field, v *value, from reflect.Value) error {
	v.setBytes(from.Bytes())
	return nil
}

func setAvroUUID(_ *field, v *value, from reflect.Value) error {
	b := from.Bytes()
	v.setBytes(fmt.Appendf(nil, "%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]))
	return nil
}

func setAvroDate(f *field, v *value, from reflect.Value) error {
	const day = 24 * 3600
	return f.setLocal(v, from.Int()*day, 0)
}

func setAvroEpoch(unit int64) avroSetter {
	return func(f *field, v *value, from reflect.Value) error { return f.setEpoch(v, from.Int(), unit) }
}

func setAvroLocal(unit int64) avroSetter {
	return func(f *field, v *value, from reflect.Value) error {
		seconds, rest := floorDiv(from.Int(), unit)
		return f.setLocal(v, seconds, rest*(1e9/unit))
	}
}

// setAvroAny takes what a union of several types holds.
func setAvroAny(f *field, v *value, from reflect.Value) error {
	switch kind := from.Kind(); {
	case kind == reflect.Bool && f.kind == schema.Bool:
		return setAvroBool(f, v, from)
	case kind == reflect.Int32 || kind == reflect.Int64:
		if f.kind == schema.Timestamp && f.clock.unit() != 0 {
			return f.setEpoch(v, from.Int(), f.clock.unit())
		}
		if f.kind.IsInteger() || f.kind.IsFloat() {
			return f.setNumber(v, from.Int())
		}
	case (kind == reflect.Float32 || kind == reflect.Float64) && f.kind.IsFloat():
		return setAvroFloat(f, v, from)
	case kind == reflect.String && (f.kind == schema.String || f.kind == schema.Timestamp && f.clock.unit() == 0):
		return setAvroText(f, v, from)
	case from.Type() == reflect.TypeFor[[]byte]() && f.kind == schema.Bytes:
		return setAvroBytes(f, v, from)
	}
	return f.bad(WrongType, "the union holds a value that can't be read as %s", f.kind)
}

// setDecimal takes the two's complement of a number times 10^scale.
func setDecimal(scale int) avroSetter {
	power := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
	return func(f *field, v *value, from reflect.Value) error {
		const most = 256
		raw := from.Bytes()
		if len(raw) > most {
			return f.bad(OutOfRange, "the decimal has %d bytes; at most %d can be read", len(raw), most)
		}
		unscaled := new(big.Int).SetBytes(raw)
		if len(raw) > 0 && raw[0]&0x80 != 0 {
			unscaled.Sub(unscaled, new(big.Int).Lsh(big.NewInt(1), uint(len(raw))*8))
		}
		number := new(big.Rat).SetFrac(unscaled, power)
		switch {
		case f.kind == schema.Float32:
			x, _ := number.Float32()
			return f.setFinite(v, float64(x))
		case f.kind == schema.Float64:
			x, _ := number.Float64()
			return f.setFinite(v, x)
		case !number.IsInt():
			return f.bad(WrongType, "%s is not a whole number; use float64", clip([]byte(number.FloatString(scale))))
		case !number.Num().IsInt64():
			return f.bad(OutOfRange, "%s doesn't fit in int64", clip([]byte(number.Num().String())))
		}
		return f.setInteger(v, number.Num().Int64())
	}
}

// setFinite sets a float, unless it was too large for one.
func (f *field) setFinite(v *value, x float64) error {
	if math.IsInf(x, 0) {
		return f.bad(OutOfRange, "the decimal doesn't fit in %s", f.kind)
	}
	v.setFloat(x)
	return nil
}
