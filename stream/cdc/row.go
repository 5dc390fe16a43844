package cdc

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// A kind is how a column's text is written as JSON.
type kind byte

const (
	text kind = iota
	boolean
	number
	instant // a timestamp with time zone
	naive   // one without
	binary
	document
)

// kind returns that of a type.
func (s *Source) kind(oid uint32) kind {
	if base, ok := s.bases[oid]; ok {
		oid = base
	}
	switch oid {
	case pgtype.BoolOID:
		return boolean
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.OIDOID, pgtype.NumericOID, pgtype.Float4OID, pgtype.Float8OID:
		return number
	case pgtype.TimestamptzOID:
		return instant
	case pgtype.TimestampOID:
		return naive
	case pgtype.ByteaOID:
		return binary
	case pgtype.JSONOID, pgtype.JSONBOID:
		return document
	}
	return text
}

type column struct {
	name string
	kind kind
}

// A shape is the columns of a table, in the order of its rows.
type shape struct{ columns []column }

// find returns the place of a column; -1 when there is none.
func (s *shape) find(name string) int {
	for i := range s.columns {
		if s.columns[i].name == name {
			return i
		}
	}
	return -1
}

var errColumns = errors.New("it has another number of columns than was announced")

// json writes a row, whose values are as Postgres writes them; nil is null.
func (s *shape) json(values [][]byte) ([]byte, error) {
	if len(values) != len(s.columns) {
		return nil, errColumns
	}
	row := []byte{'{'}
	for i, c := range s.columns {
		if i > 0 {
			row = append(row, ',')
		}
		row = appendText(row, c.name)
		row = append(row, ':')
		var err error
		if row, err = appendValue(row, c.kind, values[i]); err != nil {
			return nil, fmt.Errorf("column %q: %w", c.name, err)
		}
	}
	return append(row, '}'), nil
}

func appendValue(row []byte, k kind, value []byte) ([]byte, error) {
	if value == nil {
		return append(row, "null"...), nil
	}
	switch k {
	case boolean:
		switch string(value) {
		case "t":
			return append(row, "true"...), nil
		case "f":
			return append(row, "false"...), nil
		}
		return nil, fmt.Errorf("%q is not a boolean", value)
	case number, document:
		if json.Valid(value) {
			return append(row, value...), nil
		}
	case instant:
		return appendTime(row, string(value), "2006-01-02 15:04:05.999999999Z07", "2006-01-02T15:04:05.000000Z"), nil
	case naive:
		return appendTime(row, string(value), "2006-01-02 15:04:05.999999999", "2006-01-02T15:04:05.000000"), nil
	case binary:
		raw, err := hex.DecodeString(strings.TrimPrefix(string(value), `\x`))
		if err != nil {
			return nil, err
		}
		row = append(row, '"')
		row = base64.StdEncoding.AppendEncode(row, raw)
		return append(row, '"'), nil
	}
	return appendText(row, string(value)), nil
}

// appendTime writes a timestamp in another layout. What is no time of the years 1 to 9999,
// as infinity, stays as it is.
func appendTime(row []byte, value, from, to string) []byte {
	at, err := time.Parse(from, value)
	if err != nil {
		return appendText(row, value)
	}
	row = append(row, '"')
	row = at.AppendFormat(row, to)
	return append(row, '"')
}

// appendText writes a text as JSON, and changes no character that JSON doesn't make it
// change.
func appendText(row []byte, value string) []byte {
	var quoted strings.Builder
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value) // a text can't fail
	return append(row, strings.TrimSuffix(quoted.String(), "\n")...)
}

// microseconds returns a commit's time.
func microseconds(at time.Time) int64 {
	if at.IsZero() || at.Year() > 9999 {
		return 0
	}
	return min(at.UnixMicro(), math.MaxInt64)
}
