package feast

import (
	"strings"

	feasttypes "larder/api/feast/types"
	"larder/schema"
)

// A columnType is what becomes of a type of Feast.
type columnType struct {
	typ  schema.Type
	cast string // of the source's column in SQL; empty: read as it is
	note string // what is lost; empty: nothing
}

var columnTypes = map[feasttypes.ValueType_Enum]columnType{
	feasttypes.ValueType_BYTES:          {typ: schema.Bytes},
	feasttypes.ValueType_STRING:         {typ: schema.String},
	feasttypes.ValueType_INT32:          {typ: schema.Int32},
	feasttypes.ValueType_INT64:          {typ: schema.Int64},
	feasttypes.ValueType_DOUBLE:         {typ: schema.Float64},
	feasttypes.ValueType_FLOAT:          {typ: schema.Float32},
	feasttypes.ValueType_BOOL:           {typ: schema.Bool},
	feasttypes.ValueType_UNIX_TIMESTAMP: {typ: schema.Timestamp},

	feasttypes.ValueType_BYTES_LIST:          {typ: schema.List(schema.Bytes)},
	feasttypes.ValueType_STRING_LIST:         {typ: schema.List(schema.String)},
	feasttypes.ValueType_INT32_LIST:          {typ: schema.List(schema.Int32)},
	feasttypes.ValueType_INT64_LIST:          {typ: schema.List(schema.Int64)},
	feasttypes.ValueType_DOUBLE_LIST:         {typ: schema.List(schema.Float64)},
	feasttypes.ValueType_FLOAT_LIST:          {typ: schema.List(schema.Float32)},
	feasttypes.ValueType_BOOL_LIST:           {typ: schema.List(schema.Bool)},
	feasttypes.ValueType_UNIX_TIMESTAMP_LIST: {typ: schema.List(schema.Timestamp)},

	feasttypes.ValueType_JSON:            {typ: schema.String, note: "becomes a string, with the text that Postgres has"},
	feasttypes.ValueType_JSON_LIST:       {typ: schema.List(schema.String), note: "becomes a list of strings, with the texts that Postgres has"},
	feasttypes.ValueType_UUID:            {typ: schema.String, note: "becomes a string"},
	feasttypes.ValueType_TIME_UUID:       {typ: schema.String, note: "becomes a string"},
	feasttypes.ValueType_UUID_LIST:       {typ: schema.List(schema.String), note: "becomes a list of strings"},
	feasttypes.ValueType_TIME_UUID_LIST:  {typ: schema.List(schema.String), note: "becomes a list of strings"},
	feasttypes.ValueType_DECIMAL:         {typ: schema.String, cast: "text", note: "becomes a string, which the source's query makes of the number"},
	feasttypes.ValueType_DECIMAL_LIST:    {typ: schema.List(schema.String), cast: "text[]", note: "becomes a list of strings, which the source's query makes of the numbers"},
	feasttypes.ValueType_ZONED_TIMESTAMP: {typ: schema.Timestamp, note: "becomes a timestamp in UTC; its zone is lost"},
}

// typeName returns a type of Feast as its Python code names it: UNIX_TIMESTAMP_LIST is
// Array(UnixTimestamp).
func typeName(t feasttypes.ValueType_Enum) string {
	name := t.String()
	camel := func(s string) string {
		switch s {
		case "DOUBLE":
			return "Float64"
		case "FLOAT":
			return "Float32"
		case "JSON", "UUID", "INVALID", "NULL":
			return s[:1] + strings.ToLower(s[1:])
		}
		var b strings.Builder
		for word := range strings.SplitSeq(s, "_") {
			if word != "" {
				b.WriteString(word[:1] + strings.ToLower(word[1:]))
			}
		}
		return b.String()
	}
	if elem, isList := strings.CutSuffix(name, "_LIST"); isList {
		return "Array(" + camel(elem) + ")"
	}
	if elem, isSet := strings.CutSuffix(name, "_SET"); isSet {
		return "Set(" + camel(elem) + ")"
	}
	return camel(name)
}
