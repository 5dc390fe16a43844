package offline

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"larder/schema"
)

// A kind is a binary format of Postgres. Several types may share it.
type kind uint8

const (
	unreadable kind = iota
	boolean
	int2
	int4
	int8
	float4
	float8
	numeric
	text // unchanged: text, varchar, name, json, enums
	jsonb
	uuid
	bytea
	timestamptz
	timestamp // naive, like date: SQL converts it to timestamptz
	date
	pgvector // of float4s
	halfvec  // of halves: floats of 2 bytes
)

var kinds = map[uint32]kind{
	pgtype.BoolOID: boolean, pgtype.Int2OID: int2, pgtype.Int4OID: int4, pgtype.Int8OID: int8,
	pgtype.Float4OID: float4, pgtype.Float8OID: float8, pgtype.NumericOID: numeric,
	pgtype.TextOID: text, pgtype.VarcharOID: text, pgtype.BPCharOID: text, pgtype.NameOID: text, pgtype.JSONOID: text,
	pgtype.JSONBOID: jsonb, pgtype.UUIDOID: uuid, pgtype.ByteaOID: bytea,
	pgtype.TimestamptzOID: timestamptz, pgtype.TimestampOID: timestamp, pgtype.DateOID: date,
}

// A pgType is the type of a source's column.
type pgType struct {
	name   string // as Postgres writes it: character varying[]
	kind   kind   // of its elements, when an array
	base   uint32 // the type under a domain, likewise
	array  bool
	length int // that a column gives an embedding: 3 in vector(3); 0: any
}

// naive reports whether values have no zone.
func (t pgType) naive() bool { return t.kind == timestamp || t.kind == date }

// kindsOf are the kinds that can become values of a declared type, in the
// order that messages list them.
func kindsOf(elem schema.Type, key bool) []kind {
	switch elem {
	case schema.Bool:
		return []kind{boolean}
	case schema.Int32, schema.Int64:
		if key {
			return []kind{int2, int4, int8, numeric}
		}
		return []kind{int2, int4, int8, numeric, float4, float8}
	case schema.Float32: // it has 24 bits, far too few for a bigint
		return []kind{int2, int4, numeric, float4, float8}
	case schema.Float64:
		return []kind{int2, int4, int8, numeric, float4, float8}
	case schema.String:
		return []kind{text, uuid, jsonb}
	case schema.Bytes:
		return []kind{bytea}
	case schema.Timestamp:
		return []kind{timestamptz, timestamp, date}
	}
	return nil
}

var kindNames = [...]string{
	boolean: "boolean", int2: "smallint", int4: "integer", int8: "bigint", float4: "real", float8: "double precision",
	numeric: "numeric", text: "text", jsonb: "json", uuid: "uuid", bytea: "bytea",
	timestamptz: "timestamp with time zone", timestamp: "timestamp", date: "date", pgvector: "vector", halfvec: "halfvec",
}

// embeddings are the kinds of the types that the extension pgvector has, by the function
// that sends them: their numbers differ from database to database.
var embeddings = map[string]kind{"vector_send": pgvector, "halfvec_send": halfvec}

// remedy names the types that would fit a column declared as t.
func (t pgType) remedy(declared schema.Type, key bool) string {
	var fits, reads []string
	for elem := schema.Bool; elem <= schema.Timestamp; elem++ {
		if key && (t.array || !elem.IsKey()) {
			continue
		}
		full := elem
		if t.isList() {
			full = schema.List(elem)
		}
		if t.decoder(full, key) != nil {
			fits = append(fits, full.String())
		}
	}
	for _, k := range kindsOf(declared.Elem(), key) {
		name := kindNames[k]
		if declared.IsList() {
			name += "[]"
		}
		reads = append(reads, name)
	}
	if declared.IsList() && declared.Elem().IsFloat() {
		reads = append(reads, kindNames[pgvector], kindNames[halfvec])
	}
	said := fmt.Sprintf("%s is read from %s", declared, strings.Join(reads, ", "))
	if len(fits) > 0 {
		said += fmt.Sprintf("; %s can be declared as %s", t.name, strings.Join(fits, ", "))
	}
	return said
}

// typesQuery returns for each type its name, whether it is an array, and its element:
// the type under a domain, whether that is a text or an enum, and the function that sends it.
const typesQuery = `
SELECT t.oid::text, format_type(t.oid, NULL), (t.typcategory = 'A')::text, b.oid::text, (b.typcategory = 'S' OR b.typtype = 'e')::text, coalesce(s.proname::text, '')
FROM pg_type t
JOIN pg_type e ON e.oid = CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE t.oid END
JOIN pg_type b ON b.oid = CASE WHEN e.typtype = 'd' THEN e.typbasetype ELSE e.oid END
LEFT JOIN pg_proc s ON s.oid = b.typsend
WHERE t.oid = ANY ($1::oid[])`

// resolve looks up the types that a statement's columns have.
func resolve(ctx context.Context, conn *pgconn.PgConn, fields []pgconn.FieldDescription) (map[uint32]pgType, error) {
	oids := make([]string, len(fields))
	for i, f := range fields {
		oids[i] = strconv.FormatUint(uint64(f.DataTypeOID), 10)
	}
	result := conn.ExecParams(ctx, typesQuery, [][]byte{[]byte("{" + strings.Join(oids, ",") + "}")}, nil, nil, nil).Read()
	if result.Err != nil {
		return nil, result.Err
	}
	types := make(map[uint32]pgType, len(result.Rows))
	for _, row := range result.Rows {
		oid, err := strconv.ParseUint(string(row[0]), 10, 32)
		if err != nil {
			return nil, fmt.Errorf("read pg_type: %w", err)
		}
		base, err := strconv.ParseUint(string(row[3]), 10, 32)
		if err != nil {
			return nil, fmt.Errorf("read pg_type: %w", err)
		}
		t := pgType{name: string(row[1]), array: string(row[2]) == "true", kind: kinds[uint32(base)], base: uint32(base)}
		if t.kind == unreadable && string(row[4]) == "true" {
			t.kind = text
		}
		if k, found := embeddings[string(row[5])]; found && !t.array { // lists of lists have no type here
			t.kind = k
		}
		types[uint32(oid)] = t
	}
	return types, nil
}
