package offline

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"larder/schema"
)

// maxSampleBytes bounds the sample of a bad row, and maxSampleValue each value of it.
const (
	maxSampleBytes = 200
	maxSampleValue = 48
)

// withheld stands for a value of a sensitive feature: samples get into logs and records.
const withheld = "(withheld)"

// sample describes a bad row: its key, and the bad value, or what its length should be.
func sample(reason schema.BadReason, source []sourceColumn, keys, at int, values [][]byte) string {
	var b []byte
	for i := range keys {
		b = appendPair(b, source[i], values[i])
	}
	switch {
	case reason == schema.BadLength:
		b = fmt.Appendf(b, " %s=%s of length %d, not %d", source[at].column, source[at].pg.name, source[at].pg.listLen(values[at]), source[at].typ.Len())
	case at >= keys:
		b = appendPair(b, source[at], values[at])
	}
	if len(b) > maxSampleBytes {
		b = b[:maxSampleBytes]
	}
	return strings.ToValidUTF8(string(b), "")
}

func appendPair(b []byte, s sourceColumn, raw []byte) []byte {
	if len(b) > 0 {
		b = append(b, ' ')
	}
	b = append(append(b, s.column...), '=')
	if raw == nil {
		return append(b, "null"...)
	}
	if s.secret {
		return append(b, withheld...)
	}
	if s.pg.isList() {
		return fmt.Appendf(b, "%s of %d bytes", s.pg.name, len(raw))
	}
	return appendValue(b, s.pg.kind, raw)
}

// appendValue writes a value in Postgres's binary format as text, cut where it is long.
func appendValue(b []byte, k kind, raw []byte) []byte {
	switch k {
	case boolean:
		return strconv.AppendBool(b, len(raw) == 1 && raw[0] != 0)
	case int2, int4, int8:
		v, _ := readInt(raw)
		return strconv.AppendInt(b, v, 10)
	case float4, float8:
		v, _ := readFloat(raw)
		return strconv.AppendFloat(b, v, 'g', -1, 64)
	case numeric:
		return appendDecimal(b, raw)
	case uuid:
		if len(raw) == 16 {
			return appendUUIDText(b, raw)
		}
	case timestamptz, timestamp, date:
		return appendTime(b, raw)
	case text, jsonb:
		return strconv.AppendQuote(b, string(raw[:min(len(raw), maxSampleValue)]))
	}
	return hex.AppendEncode(append(b, `\x`...), raw[:min(len(raw), maxSampleValue/2)])
}

// appendJSON writes a value in Postgres's binary format as JSON, whole.
func appendJSON(b []byte, k kind, raw []byte) []byte {
	text := func(value []byte) []byte {
		quoted, _ := json.Marshal(string(value)) // a string always has JSON
		return append(b, quoted...)
	}
	switch k {
	case boolean, int2, int4, int8:
		return appendValue(b, k, raw)
	case float4, float8:
		v, _ := readFloat(raw)
		return appendNumber(b, v)
	case numeric:
		d, ok := readDecimal(raw)
		if v, is := d.special(); !ok || is || d.len() == 0 {
			return appendNumber(b, v)
		}
		if d.sign == numericNegative {
			b = append(b, '-')
		}
		digits := strings.TrimLeft(string(d.text(nil)), "-0") // JSON has no zeros in front
		return append(b, cmp.Or(strings.TrimSuffix(digits, "e0"), "0")...)
	case jsonb: // after the version of the format
		return text(raw[min(1, len(raw)):])
	case uuid, timestamptz, timestamp, date:
		return append(appendValue(append(b, '"'), k, raw), '"')
	case bytea:
		return append(base64.StdEncoding.AppendEncode(append(b, '"'), raw), '"')
	}
	return text(raw)
}

func appendNumber(b []byte, v float64) []byte {
	switch {
	case math.IsNaN(v):
		return append(b, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(b, `"-Infinity"`...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}

func appendDecimal(b, raw []byte) []byte {
	d, ok := readDecimal(raw)
	if !ok {
		return append(b, '?')
	}
	if v, is := d.special(); is {
		return strconv.AppendFloat(b, v, 'g', -1, 64)
	}
	if v, exact := d.quick(); exact {
		return strconv.AppendFloat(b, v, 'g', -1, 64)
	}
	if d.sign == numericNegative {
		b = append(b, '-')
	}
	s := strings.TrimSuffix(strings.TrimLeft(string(d.text(nil)), "-0"), "e0")
	return append(b, s[:min(len(s), maxSampleValue)]...)
}

func appendTime(b, raw []byte) []byte {
	if len(raw) != 8 {
		return append(b, '?')
	}
	switch v := int64(binary.BigEndian.Uint64(raw)); {
	case v == math.MaxInt64:
		return append(b, "infinity"...)
	case v == math.MinInt64:
		return append(b, "-infinity"...)
	case v > schema.EndOfTime:
		return append(b, "after the year 9999"...)
	default:
		return time.UnixMicro(v+postgresEpoch).UTC().AppendFormat(b, time.RFC3339Nano)
	}
}
