package offline

import (
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/jackc/pgx/v5/pgtype"
)

// extensionName is the key of the metadata of a column that has Arrow's extension types.
const extensionName = "ARROW:extension:name"

// columnType returns the type of Postgres for a column of a file. Times without a zone
// are timestamptz if zone is set.
func columnType(f arrow.Field, zone bool) (string, error) {
	t := f.Type
	if name, _ := f.Metadata.GetValue(extensionName); name == "arrow.uuid" {
		return "uuid", nil
	}
	if isNested(t) {
		return "jsonb", checkLeaves(f.Name, t)
	}
	if is, ok := t.(arrow.ListLikeType); ok {
		if elem := valueType(is.Elem(), zone); elem != "" {
			return elem + "[]", nil
		}
	} else if name := valueType(t, zone); name != "" {
		return name, nil
	}
	return "", noColumn(f.Name, t)
}

func noColumn(name string, t arrow.DataType) error {
	return fmt.Errorf("column %q has the type %s, for which a table in Postgres has no column; cast it, or leave it out with --skip", name, t)
}

// valueType returns the type of Postgres for a type that isn't a list; "" for none.
func valueType(t arrow.DataType, zone bool) string {
	switch t := t.(type) {
	case *arrow.DictionaryType:
		return valueType(t.ValueType, zone)
	case arrow.ExtensionType:
		return valueType(t.StorageType(), zone)
	case arrow.DecimalType:
		if p, s := t.GetPrecision(), t.GetScale(); s >= 0 && s <= p {
			return fmt.Sprintf("numeric(%d,%d)", p, s)
		}
		return "numeric"
	case *arrow.TimestampType:
		if t.TimeZone != "" || zone {
			return "timestamptz"
		}
		return "timestamp"
	}
	return valueTypes[t.ID()]
}

var valueTypes = map[arrow.Type]string{
	arrow.NULL: "text", arrow.BOOL: "boolean",
	arrow.INT8: "smallint", arrow.INT16: "smallint", arrow.INT32: "integer", arrow.INT64: "bigint",
	arrow.UINT8: "smallint", arrow.UINT16: "integer", arrow.UINT32: "bigint", arrow.UINT64: "numeric(20,0)",
	arrow.FLOAT16: "real", arrow.FLOAT32: "real", arrow.FLOAT64: "double precision",
	arrow.STRING: "text", arrow.LARGE_STRING: "text", arrow.STRING_VIEW: "text",
	arrow.BINARY: "bytea", arrow.LARGE_BINARY: "bytea", arrow.BINARY_VIEW: "bytea", arrow.FIXED_SIZE_BINARY: "bytea",
	arrow.DATE32: "date", arrow.DATE64: "date", arrow.TIME32: "time", arrow.TIME64: "time",
}

// timeOfDay is the kind of Postgres's time: sources don't read it.
const timeOfDay kind = 255

// loadKind is the kind of the values of a column that is filled.
func (t pgType) loadKind() kind {
	if t.base == pgtype.TimeOID {
		return timeOfDay
	}
	return t.kind
}

// misfit says what to do when values of a type don't become those of the column; "" when
// they do, or may: single values can still be out of range.
func (m match) misfit(t arrow.DataType) string {
	if m.csv || t.ID() == arrow.NULL {
		return ""
	}
	k := m.to.loadKind()
	if isNested(t) {
		if m.to.array || k != jsonb && k != text {
			return "make that column jsonb"
		}
		return ""
	}
	if is, ok := t.(arrow.ListLikeType); ok {
		switch {
		case k == jsonb && !m.to.array:
			return ""
		case k == pgvector || k == halfvec:
			k = float8
		case !m.to.array:
			return "cast one of them"
		}
		return m.valueMisfit(is.Elem(), k)
	}
	if m.to.array {
		return "cast one of them"
	}
	return m.valueMisfit(t, k)
}

func (m match) valueMisfit(t arrow.DataType, k kind) string {
	switch is := t.(type) {
	case *arrow.DictionaryType:
		t = is.ValueType
	case arrow.ExtensionType:
		t = is.StorageType()
	}
	naive := t.ID() == arrow.DATE32 || t.ID() == arrow.DATE64
	if stamp, is := t.(*arrow.TimestampType); is {
		naive = stamp.TimeZone == ""
		if !naive {
			if k == timestamptz {
				return ""
			}
			return "make that column timestamptz, which keeps the moments"
		}
	}
	if naive && k == timestamptz && !m.zone {
		return "say in which time zone its times are, as in --time-zone UTC"
	}
	if slices.Contains(fits[t.ID()], k) {
		return ""
	}
	return "cast one of them"
}

var (
	integers = []kind{int2, int4, int8, numeric, float8}
	small    = []kind{int2, int4, int8, numeric, float4, float8}
	// A string becomes what Postgres makes of it where this program doesn't know the type:
	// an interval, an inet.
	strings_ = []kind{text, uuid, jsonb, unreadable}
	binaries = []kind{bytea, uuid}
	dates    = []kind{date, timestamp, timestamptz}
	// fits has the kinds that values of a type of Arrow can fill.
	fits = map[arrow.Type][]kind{
		arrow.BOOL: {boolean},
		arrow.INT8: small, arrow.INT16: small, arrow.UINT8: small, arrow.UINT16: small, arrow.INT32: small,
		arrow.INT64: integers, arrow.UINT32: integers, arrow.UINT64: integers,
		arrow.FLOAT16: small, arrow.FLOAT32: small, arrow.FLOAT64: small, arrow.DECIMAL128: small, arrow.DECIMAL256: small,
		arrow.STRING: strings_, arrow.LARGE_STRING: strings_, arrow.STRING_VIEW: strings_,
		arrow.BINARY: binaries, arrow.LARGE_BINARY: binaries, arrow.BINARY_VIEW: binaries, arrow.FIXED_SIZE_BINARY: binaries,
		arrow.DATE32: dates, arrow.DATE64: dates, arrow.TIMESTAMP: {timestamp, timestamptz},
		arrow.TIME32: {timeOfDay}, arrow.TIME64: {timeOfDay},
	}
)
