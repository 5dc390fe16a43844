package dbt

import (
	"regexp"
	"strconv"
	"strings"

	"larder/schema"
)

// A pgType is what a type of Postgres becomes.
type pgType struct {
	typ   schema.Type // 0: Larder doesn't read it
	naive bool        // a time without a zone
	float bool        // it can't be a key
}

// names are those of format_type, which catalogs have, and those that people write as a
// data_type.
var pgNames = map[string]schema.Type{
	"boolean": schema.Bool, "bool": schema.Bool,
	// All integers are int64: a key is one type in all views, whatever the width is in each.
	"smallint": schema.Int64, "integer": schema.Int64, "bigint": schema.Int64,
	"int": schema.Int64, "int2": schema.Int64, "int4": schema.Int64, "int8": schema.Int64,
	"smallserial": schema.Int64, "serial": schema.Int64, "bigserial": schema.Int64,
	"real": schema.Float32, "float4": schema.Float32,
	"double precision": schema.Float64, "float8": schema.Float64, "float": schema.Float64, "numeric": schema.Float64, "decimal": schema.Float64,
	"text": schema.String, "character varying": schema.String, "varchar": schema.String, "character": schema.String, "char": schema.String,
	"bpchar": schema.String, "name": schema.String, "citext": schema.String, "uuid": schema.String, "json": schema.String, "jsonb": schema.String,
	"string":                   schema.String, // dbt's own word
	"bytea":                    schema.Bytes,
	"timestamp with time zone": schema.Timestamp, "timestamptz": schema.Timestamp,
	"timestamp without time zone": schema.Timestamp, "timestamp": schema.Timestamp, "date": schema.Timestamp,
}

// inParentheses are a length or a precision: (10,2).
var inParentheses = regexp.MustCompile(`\s*\(\s*([\d\s,]*)\)`)

// parseType reads a type of Postgres.
func parseType(name string) pgType {
	plain := strings.ToLower(strings.Join(strings.Fields(name), " "))
	digits := ""
	if found := inParentheses.FindStringSubmatch(plain); found != nil {
		digits = strings.ReplaceAll(found[1], " ", "")
		plain = inParentheses.ReplaceAllString(plain, "")
	}
	elem, isList := strings.CutSuffix(plain, "[]")
	elem = strings.TrimSpace(elem)
	switch elem {
	case "vector", "halfvec":
		if isList {
			return pgType{}
		}
		return pgType{typ: vectorType(digits), float: true}
	}
	t := pgType{typ: pgNames[elem]}
	switch elem {
	case "timestamp without time zone", "timestamp", "date":
		t.naive = true
	case "numeric", "decimal":
		_, scale, _ := strings.Cut(digits, ",")
		if t.float = digits == "" || strings.Trim(scale, "0") != ""; !t.float {
			if precision, err := strconv.Atoi(strings.SplitN(digits, ",", 2)[0]); err == nil && precision <= 18 {
				t.typ = schema.Int64
			}
		}
	default:
		t.float = t.typ.IsFloat()
	}
	if isList && t.typ != 0 {
		t.typ = schema.List(t.typ)
	}
	return t
}

// vectorType is that of an embedding of pgvector.
func vectorType(length string) schema.Type {
	if n, err := strconv.Atoi(length); err == nil {
		if t, err := schema.ParseType("vector<float32, " + strconv.Itoa(n) + ">"); err == nil {
			return t
		}
	}
	return schema.List(schema.Float32)
}
