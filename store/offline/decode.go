package offline

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
	"unicode/utf8"

	"larder/schema"
)

// malformed is not a fault of a row: the bytes are not in the format of their type, so
// the whole read is in doubt.
const malformed schema.BadReason = "malformed"

// postgresEpoch is 2000-01-01 in microseconds since 1970.
const postgresEpoch = 946_684_800_000_000

// A decoder appends one element of one binary format to a column.
type decoder = func(c *column, raw []byte) schema.BadReason

// A listDecoder appends the elements of a list, or a part of them and a reason.
type listDecoder = func(c *column, raw []byte) schema.BadReason

// decoderOf returns a decoder that reads a kind as elements of a declared type; nil
// when the kind doesn't convert to it.
func decoderOf(k kind, elem schema.Type, key bool) decoder {
	if !slices.Contains(kindsOf(elem, key), k) {
		return nil
	}
	switch elem {
	case schema.Bool:
		return appendBool
	case schema.Int32, schema.Int64:
		return integerDecoder(k, elem)
	case schema.Float32, schema.Float64:
		return floatDecoder(k, elem)
	case schema.String:
		return stringDecoder(k)
	case schema.Bytes:
		return appendBytes
	}
	return appendTimestamp // SQL converted naive times to timestamptz
}

func appendBool(c *column, raw []byte) schema.BadReason {
	if len(raw) != 1 {
		return malformed
	}
	c.bools = append(c.bools, raw[0] != 0)
	return ""
}

func integerDecoder(k kind, elem schema.Type) decoder {
	read := map[kind]func([]byte) (int64, schema.BadReason){
		int2: readInt, int4: readInt, int8: readInt, float4: integralFloat, float8: integralFloat, numeric: integralNumeric,
	}[k]
	if elem == schema.Int32 {
		return func(c *column, raw []byte) schema.BadReason {
			v, reason := read(raw)
			if reason != "" {
				return reason
			}
			if v < math.MinInt32 || v > math.MaxInt32 {
				return schema.OutOfRange
			}
			c.i32 = append(c.i32, int32(v))
			return ""
		}
	}
	return func(c *column, raw []byte) schema.BadReason {
		v, reason := read(raw)
		if reason == "" {
			c.i64 = append(c.i64, v)
		}
		return reason
	}
}

func floatDecoder(k kind, elem schema.Type) decoder {
	single := elem == schema.Float32
	if k == numeric {
		return func(c *column, raw []byte) schema.BadReason {
			return appendNumeric(c, raw, single)
		}
	}
	if k == float4 || k == float8 {
		return func(c *column, raw []byte) schema.BadReason {
			v, ok := readFloat(raw)
			if !ok {
				return malformed
			}
			if !single {
				c.f64 = append(c.f64, v)
				return ""
			}
			narrow := float32(v)
			if math.IsInf(float64(narrow), 0) && !math.IsInf(v, 0) {
				return schema.OutOfRange
			}
			c.f32 = append(c.f32, narrow)
			return ""
		}
	}
	return func(c *column, raw []byte) schema.BadReason {
		v, reason := readInt(raw)
		if reason != "" {
			return reason
		}
		if single {
			c.f32 = append(c.f32, float32(v))
		} else {
			c.f64 = append(c.f64, float64(v))
		}
		return ""
	}
}

func readInt(raw []byte) (int64, schema.BadReason) {
	switch len(raw) {
	case 8:
		return int64(binary.BigEndian.Uint64(raw)), ""
	case 4:
		return int64(int32(binary.BigEndian.Uint32(raw))), ""
	case 2:
		return int64(int16(binary.BigEndian.Uint16(raw))), ""
	}
	return 0, malformed
}

func readFloat(raw []byte) (float64, bool) {
	switch len(raw) {
	case 8:
		return math.Float64frombits(binary.BigEndian.Uint64(raw)), true
	case 4:
		return float64(math.Float32frombits(binary.BigEndian.Uint32(raw))), true
	}
	return 0, false
}

// integralFloat reads a float that is a whole number.
func integralFloat(raw []byte) (int64, schema.BadReason) {
	v, ok := readFloat(raw)
	switch {
	case !ok:
		return 0, malformed
	case math.IsNaN(v) || math.IsInf(v, 0):
		return 0, schema.NotANumber
	case v != math.Trunc(v) || v < -1<<63 || v >= 1<<63:
		return 0, schema.OutOfRange
	}
	return int64(v), ""
}

func stringDecoder(k kind) decoder {
	switch k {
	case uuid:
		return appendUUID
	case jsonb:
		return func(c *column, raw []byte) schema.BadReason {
			if len(raw) < 1 || raw[0] != 1 { // the version of the format
				return malformed
			}
			return appendString(c, raw[1:])
		}
	}
	return appendString
}

func appendString(c *column, raw []byte) schema.BadReason {
	if !utf8.Valid(raw) { // a database in SQL_ASCII sends any bytes
		return schema.BadText
	}
	return appendBytes(c, raw)
}

func appendBytes(c *column, raw []byte) schema.BadReason {
	if len(raw) > schema.MaxValueBytes {
		return schema.TooLarge
	}
	c.data = append(c.data, raw...)
	c.ends = append(c.ends, int32(len(c.data)))
	return ""
}

func appendUUID(c *column, raw []byte) schema.BadReason {
	if len(raw) != 16 {
		return malformed
	}
	c.data = appendUUIDText(c.data, raw)
	c.ends = append(c.ends, int32(len(c.data)))
	return ""
}

func appendUUIDText(dst, raw []byte) []byte {
	for i, end := range [...]int{4, 6, 8, 10, 16} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, raw[[...]int{0, 4, 6, 8, 10}[i]:end])
	}
	return dst
}

func appendTimestamp(c *column, raw []byte) schema.BadReason {
	if len(raw) != 8 {
		return malformed
	}
	v := int64(binary.BigEndian.Uint64(raw))
	// Infinities are the extremes of int64; sums stay clear of overflow.
	if v > schema.EndOfTime-postgresEpoch || v < schema.BeginningOfTime-postgresEpoch {
		return schema.TimeRange
	}
	c.i64 = append(c.i64, v+postgresEpoch)
	return ""
}
