package offline

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"larder/schema"
	"larder/store/row"
)

// probeDate is a time that every zone covers.
var probeDate = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// A keyColumn compares the values of a join key with a column.
type keyColumn struct {
	element uint32 // the type of the parameter's elements
	array   uint32
	// condition has %[1]s for the column and %[2]s for the key of the probe.
	condition string
	// append appends a value in Postgres's format. It returns false when no value of the
	// column can equal it.
	append func(dst []byte, v any) ([]byte, bool)
}

// The conditions. A key is its bytes, no matter what the column's collation treats as
// equal.
const (
	same      = "%[1]s = %[2]s"
	sameText  = `%[1]s = %[2]s AND %[1]s::text = %[2]s COLLATE "C"`
	asChar    = "%[1]s = %[2]s::bpchar"
	asNumeric = "%[1]s = %[2]s::numeric"
	asText    = `%[1]s::text = %[2]s COLLATE "C"`
)

func keyColumnOf(t pgType) keyColumn {
	switch t.kind {
	case boolean:
		return keyColumn{pgtype.BoolOID, pgtype.BoolArrayOID, same, appendBoolKey}
	case int2:
		return keyColumn{pgtype.Int2OID, pgtype.Int2ArrayOID, same, appendInt2Key}
	case int4:
		return keyColumn{pgtype.Int4OID, pgtype.Int4ArrayOID, same, appendInt4Key}
	case int8:
		return keyColumn{pgtype.Int8OID, pgtype.Int8ArrayOID, same, appendInt8Key}
	case numeric:
		return keyColumn{pgtype.Int8OID, pgtype.Int8ArrayOID, asNumeric, appendInt8Key}
	case uuid:
		return keyColumn{pgtype.UUIDOID, pgtype.UUIDArrayOID, same, appendUUIDKey}
	case bytea:
		return keyColumn{pgtype.ByteaOID, pgtype.ByteaArrayOID, same, appendBytesKey}
	case timestamptz, timestamp, date:
		return keyColumn{pgtype.TimestamptzOID, pgtype.TimestamptzArrayOID, same, appendTimeKey}
	}
	k := keyColumn{pgtype.TextOID, pgtype.TextArrayOID, asText, appendTextKey}
	switch t.base {
	case pgtype.TextOID, pgtype.VarcharOID, pgtype.NameOID:
		k.condition = sameText
	case pgtype.BPCharOID:
		k.condition = asChar // trailing blanks are ignored here; the keys of the rows are compared exactly later
	}
	return k
}

// probeColumns makes a parameter of each join key's values. It returns the names of
// the columns, the parameters, and the conditions that compare them with the source's
// columns.
func (b *binding) probeColumns(q *query, zone string, keys [][]byte) (names, arrays, conditions []string, err error) {
	columns := make([]keyColumn, b.keys)
	values := make([]arrayBuilder, b.keys)
	for i := range columns {
		columns[i] = keyColumnOf(b.columns[i].pg)
		values[i] = newArray(columns[i].element, len(keys))
	}
	for _, key := range keys {
		_, parts, err := row.DecodeKey(key, b.view.Keys)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("probe: %w", err)
		}
		for i, part := range parts {
			values[i].add(part, columns[i].append)
		}
	}
	for i := range columns {
		name := fmt.Sprintf("key_%d", i)
		names = append(names, name)
		arrays = append(arrays, q.param(columns[i].array, values[i].bytes()))
		conditions = append(conditions, fmt.Sprintf(columns[i].condition, b.columns[i].expression(zone), "probe."+name))
	}
	return names, arrays, conditions, nil
}

// An arrayBuilder writes a one-dimensional array in Postgres's binary format.
type arrayBuilder struct {
	raw   []byte
	nulls bool
	n     int
}

// nullSize is the size of an element that is null.
const nullSize = math.MaxUint32

func newArray(element uint32, n int) arrayBuilder {
	a := arrayBuilder{raw: make([]byte, 0, 20+12*n)}
	a.raw = binary.BigEndian.AppendUint32(a.raw, 1) // dimensions
	a.raw = binary.BigEndian.AppendUint32(a.raw, 0) // nulls, set at the end
	a.raw = binary.BigEndian.AppendUint32(a.raw, element)
	a.raw = binary.BigEndian.AppendUint32(a.raw, 0) // length, set at the end
	a.raw = binary.BigEndian.AppendUint32(a.raw, 1) // lower bound
	return a
}

// add appends a value, or null where the column can't hold it: null equals nothing.
func (a *arrayBuilder) add(v any, appendTo func([]byte, any) ([]byte, bool)) {
	a.n++
	start := len(a.raw)
	raw, fits := appendTo(append(a.raw, 0, 0, 0, 0), v)
	if !fits {
		a.nulls = true
		a.raw = binary.BigEndian.AppendUint32(raw[:start], nullSize)
		return
	}
	a.raw = raw
	binary.BigEndian.PutUint32(a.raw[start:], uint32(len(a.raw)-start-4))
}

func (a *arrayBuilder) bytes() []byte {
	if a.nulls {
		a.raw[7] = 1
	}
	binary.BigEndian.PutUint32(a.raw[12:], uint32(a.n))
	return a.raw
}

// timesArray returns an array of timestamptz.
func timesArray(times []int64) []byte {
	a := newArray(pgtype.TimestamptzOID, len(times))
	for _, t := range times {
		a.raw = binary.BigEndian.AppendUint32(a.raw, 8)
		a.raw = binary.BigEndian.AppendUint64(a.raw, uint64(t-postgresEpoch))
	}
	a.n = len(times)
	return a.bytes()
}

func appendBoolKey(dst []byte, v any) ([]byte, bool) {
	if v.(bool) {
		return append(dst, 1), true
	}
	return append(dst, 0), true
}

// integerKey returns the value of an int32 or int64 key.
func integerKey(v any) int64 {
	if v, narrow := v.(int32); narrow {
		return int64(v)
	}
	return v.(int64)
}

func appendInt2Key(dst []byte, v any) ([]byte, bool) {
	x := integerKey(v)
	return binary.BigEndian.AppendUint16(dst, uint16(x)), x == int64(int16(x))
}

func appendInt4Key(dst []byte, v any) ([]byte, bool) {
	x := integerKey(v)
	return binary.BigEndian.AppendUint32(dst, uint32(x)), x == int64(int32(x))
}

func appendInt8Key(dst []byte, v any) ([]byte, bool) {
	return binary.BigEndian.AppendUint64(dst, uint64(integerKey(v))), true
}

func appendTimeKey(dst []byte, v any) ([]byte, bool) {
	x := v.(time.Time).UnixMicro()
	if x < schema.BeginningOfTime || x > schema.EndOfTime {
		return dst, false
	}
	return binary.BigEndian.AppendUint64(dst, uint64(x-postgresEpoch)), true
}

func appendBytesKey(dst []byte, v any) ([]byte, bool) { return append(dst, v.([]byte)...), true }

// appendTextKey appends text. Text in Postgres has no zero bytes.
func appendTextKey(dst []byte, v any) ([]byte, bool) {
	s := v.(string)
	return append(dst, s...), strings.IndexByte(s, 0) < 0
}

// appendUUIDKey appends a UUID. Keys have the form that Postgres writes.
func appendUUIDKey(dst []byte, v any) ([]byte, bool) {
	s := v.(string)
	raw, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(raw) != 16 || string(appendUUIDText(nil, raw)) != s {
		return dst, false
	}
	return append(dst, raw...), true
}
