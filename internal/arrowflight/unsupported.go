package arrowflight

import (
	"fmt"

	flatbuffers "github.com/google/flatbuffers/go"
)

// The tables and fields of Arrow's Message.fbs and Schema.fbs that are read here.
const (
	messageHeader, messageHeaderType               = 8, 6
	schemaFields                                   = 6
	fieldName, fieldTypeOf, fieldType, fieldNested = 4, 8, 10, 14
	decimalBits                                    = 8
	schemaHeader                                   = 1
	decimalType                                    = 7
)

// Unsupported returns the first column in the header of a schema's message whose type
// Arrow's Go library doesn't know, as the library itself refuses the whole schema and
// doesn't say which column it is about. The name is empty when there is none.
func Unsupported(header []byte) (column, kind string) {
	defer func() {
		if recover() != nil { // the header is damaged
			column, kind = "", ""
		}
	}()
	root := flatbuffers.Table{Bytes: header, Pos: flatbuffers.GetUOffsetT(header)}
	if at := root.Offset(messageHeaderType); at == 0 || root.GetByte(root.Pos+flatbuffers.UOffsetT(at)) != schemaHeader {
		return "", ""
	}
	for _, f := range tables(child(root, messageHeader), schemaFields) {
		if kind := unsupported(f); kind != "" {
			at := flatbuffers.UOffsetT(f.Offset(fieldName))
			return string(f.ByteVector(f.Pos + at)), kind
		}
	}
	return "", ""
}

// unsupported returns the unknown type of a field or of one within it.
func unsupported(field flatbuffers.Table) string {
	if at := field.Offset(fieldTypeOf); at != 0 && field.GetByte(field.Pos+flatbuffers.UOffsetT(at)) == decimalType {
		decimal, bits := child(field, fieldType), int32(128)
		if at := decimal.Offset(decimalBits); at != 0 {
			bits = decimal.GetInt32(decimal.Pos + flatbuffers.UOffsetT(at))
		}
		if bits != 128 && bits != 256 {
			return fmt.Sprintf("decimal%d", bits)
		}
	}
	for _, nested := range tables(field, fieldNested) {
		if kind := unsupported(nested); kind != "" {
			return kind
		}
	}
	return ""
}

// child returns the table in a field of a table.
func child(t flatbuffers.Table, field flatbuffers.VOffsetT) flatbuffers.Table {
	at := flatbuffers.UOffsetT(t.Offset(field))
	return flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(t.Pos + at)}
}

// tables returns the tables of a vector in a field of a table.
func tables(t flatbuffers.Table, field flatbuffers.VOffsetT) []flatbuffers.Table {
	at := flatbuffers.UOffsetT(t.Offset(field))
	if at == 0 {
		return nil
	}
	start, out := t.Vector(at), make([]flatbuffers.Table, t.VectorLen(at))
	for i := range out {
		out[i] = flatbuffers.Table{Bytes: t.Bytes, Pos: t.Indirect(start + flatbuffers.UOffsetT(4*i))}
	}
	return out
}
