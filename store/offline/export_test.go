package offline

import (
	"github.com/apache/arrow/go/v17/arrow"

	"larder/column/arrows"
	"larder/schema"
)

// Malformed is what decoders say of bytes that are not in their format.
const Malformed = malformed

// Column is a column of a batch, for tests of the decoders.
type Column struct{ column }

// EveryColumn returns a column of each kind and array, as each type that it can
// be declared as.
func EveryColumn() []*Column {
	var all []*Column
	for _, typ := range []schema.Type{
		schema.Bool, schema.Int32, schema.Int64, schema.Float32, schema.Float64, schema.String, schema.Bytes, schema.Timestamp,
	} {
		for _, k := range kindsOf(typ, false) {
			for _, t := range []schema.Type{typ, schema.List(typ)} {
				all = append(all, &Column{column{typ: t, arrow: arrows.Type(t), append: decoderOf(k, typ, false), lists: appendArray}})
			}
		}
		for _, t := range []schema.Type{schema.List(typ), schema.Vector(typ, 1)} {
			for _, pg := range []pgType{{kind: pgvector}, {kind: halfvec}, {kind: float4, array: true}} {
				if decode := pg.decoder(t, false); t.Valid() && decode != nil {
					all = append(all, &Column{column{typ: t, arrow: arrows.Type(t), append: decode, lists: pg.lists()}})
				}
			}
		}
	}
	return all
}

// NumericColumn returns a column of numerics declared as typ.
func NumericColumn(typ schema.Type) *Column {
	return &Column{column{typ: typ, arrow: arrows.Type(typ), append: decoderOf(numeric, typ, false)}}
}

// Add appends a value.
func (c *Column) Add(raw []byte) schema.BadReason { return c.add(raw) }

// Truncate keeps the first rows rows.
func (c *Column) Truncate(rows int) { c.truncate(rows) }

// Take returns the column as an array.
func (c *Column) Take() arrow.Array { return c.take() }

// Sample shows a value of each kind as the samples of bad rows do.
func Sample(raw []byte) (texts []string) {
	for k := range kindNames {
		texts = append(texts, string(appendValue(nil, kind(k), raw)))
	}
	return texts
}

// HalfFloat reads a float of 16 bits.
func HalfFloat(half uint16) float32 { return halfFloat(half) }

// EscapeCopy is escapeCopy.
func EscapeCopy(text []byte, start int) []byte { return escapeCopy(text, start) }
