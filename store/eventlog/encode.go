package eventlog

import (
	"encoding/binary"
	"math"

	"larder/column"
	"larder/schema"
)

// The forms of COPY and of results are Postgres's binary ones:
// https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4

// postgresEpoch is 2000-01-01, where Postgres's timestamps begin, in microseconds since
// 1970 UTC.
const postgresEpoch = 946_684_800_000_000

var copyHeader = append([]byte("PGCOPY\n\xff\r\n\x00"), make([]byte, 8)...)

func appendCopyHeader(dst []byte) []byte { return append(dst, copyHeader...) }

func appendCopyEnd(dst []byte) []byte { return binary.BigEndian.AppendUint16(dst, 0xffff) }

// appendRow appends one row of a log's table: the fields, then Larder's columns.
func appendRow(dst []byte, e *Events, i int) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(e.Fields)+len(schema.LogColumns())))
	for f := range e.Fields {
		dst = appendField(dst, &e.Fields[f], i)
	}
	sign := int16(1)
	if e.Retract[i] {
		sign = -1
	}
	dst = binary.BigEndian.AppendUint64(append(dst, 0, 0, 0, 8), uint64(e.Seqs[i]))
	dst = binary.BigEndian.AppendUint64(append(dst, 0, 0, 0, 8), uint64(e.Ats[i]-postgresEpoch))
	dst = binary.BigEndian.AppendUint16(append(dst, 0, 0, 0, 2), uint16(sign))
	dst = appendText(dst, e.IDs[i])
	return append(dst, 0, 0, 0, 1, bit(e.Deleted[i]))
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func appendText(dst []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(s))), s...)
}

func appendField(dst []byte, c *column.Column, i int) []byte {
	if c.IsNull(i) {
		return append(dst, 0xff, 0xff, 0xff, 0xff)
	}
	switch c.Type {
	case schema.Bool:
		return append(dst, 0, 0, 0, 1, bit(c.Bools[i]))
	case schema.Int32:
		return binary.BigEndian.AppendUint32(append(dst, 0, 0, 0, 4), uint32(c.Int32s[i]))
	case schema.Int64:
		return binary.BigEndian.AppendUint64(append(dst, 0, 0, 0, 8), uint64(c.Int64s[i]))
	case schema.Timestamp:
		return binary.BigEndian.AppendUint64(append(dst, 0, 0, 0, 8), uint64(c.Int64s[i]-postgresEpoch))
	case schema.Float32:
		return binary.BigEndian.AppendUint32(append(dst, 0, 0, 0, 4), math.Float32bits(c.Float32s[i]))
	case schema.Float64:
		return binary.BigEndian.AppendUint64(append(dst, 0, 0, 0, 8), math.Float64bits(c.Float64s[i]))
	case schema.String:
		return appendText(dst, c.Strings[i])
	}
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(c.Bytes[i]))), c.Bytes[i]...)
}

// columnType returns the type that a field has in Postgres.
func columnType(t schema.Type) string {
	return map[schema.Type]string{
		schema.Bool: "boolean", schema.Int32: "integer", schema.Int64: "bigint", schema.Float32: "real", schema.Float64: "double precision",
		schema.String: "text", schema.Bytes: "bytea", schema.Timestamp: "timestamp with time zone",
	}[t]
}

// decodeRow appends a row of a result in the columns of [Log.columns] to events.
func decodeRow(e *Events, values [][]byte) {
	for f := range e.Fields {
		decodeField(&e.Fields[f], values[f])
	}
	own := values[len(e.Fields):]
	e.Seqs = append(e.Seqs, int64(binary.BigEndian.Uint64(own[0])))
	e.Ats = append(e.Ats, int64(binary.BigEndian.Uint64(own[1]))+postgresEpoch)
	e.Retract = append(e.Retract, int16(binary.BigEndian.Uint16(own[2])) < 0)
	e.IDs = append(e.IDs, string(own[3]))
	e.Deleted = append(e.Deleted, own[4][0] != 0)
}

func decodeField(c *column.Column, raw []byte) {
	c.Valid = append(c.Valid, raw != nil)
	if raw == nil {
		raw = make([]byte, 8)
		if c.Type == schema.String || c.Type == schema.Bytes {
			raw = nil
		}
	}
	switch c.Type {
	case schema.Bool:
		c.Bools = append(c.Bools, raw[0] != 0)
	case schema.Int32:
		c.Int32s = append(c.Int32s, int32(binary.BigEndian.Uint32(raw)))
	case schema.Int64:
		c.Int64s = append(c.Int64s, int64(binary.BigEndian.Uint64(raw)))
	case schema.Timestamp:
		at := int64(binary.BigEndian.Uint64(raw))
		if c.Valid[len(c.Valid)-1] {
			at += postgresEpoch
		}
		c.Int64s = append(c.Int64s, at)
	case schema.Float32:
		c.Float32s = append(c.Float32s, math.Float32frombits(binary.BigEndian.Uint32(raw)))
	case schema.Float64:
		c.Float64s = append(c.Float64s, math.Float64frombits(binary.BigEndian.Uint64(raw)))
	case schema.String:
		c.Strings = append(c.Strings, string(raw))
	default:
		c.Bytes = append(c.Bytes, append([]byte{}, raw...))
	}
}
