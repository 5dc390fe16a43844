package vector

import (
	"encoding/binary"
	"math"

	"larder/column"
	"larder/schema"
)

// isNumber reports whether a float tensor can hold values of type t: bools and
// numbers.
func isNumber(t schema.Type) bool { return t == schema.Bool || t.IsInteger() || t.IsFloat() }

// setRaw sets row i of a column of bools, numbers or timestamps from its own
// type in the bytes of a stored row.
func setRaw(c *column.Column, i int, b []byte) {
	switch c.Type {
	case schema.Bool:
		c.Bools[i] = b[0] != 0
	case schema.Int32:
		c.Int32s[i] = int32(binary.LittleEndian.Uint32(b))
	case schema.Int64, schema.Timestamp:
		c.Int64s[i] = int64(binary.LittleEndian.Uint64(b))
	case schema.Float32:
		c.Float32s[i] = math.Float32frombits(binary.LittleEndian.Uint32(b))
	case schema.Float64:
		c.Float64s[i] = math.Float64frombits(binary.LittleEndian.Uint64(b))
	}
}

// putRaw sets row i of a tensor from a stored value of type t.
func putRaw(c *column.Column, i int, t schema.Type, b []byte) {
	switch t {
	case schema.Bool:
		putInt(c, i, int64(b[0]&1))
	case schema.Int32:
		putInt(c, i, int64(int32(binary.LittleEndian.Uint32(b))))
	case schema.Int64, schema.Timestamp:
		putInt(c, i, int64(binary.LittleEndian.Uint64(b)))
	case schema.Float32:
		putFloat(c, i, float64(math.Float32frombits(binary.LittleEndian.Uint32(b))))
	case schema.Float64:
		putFloat(c, i, math.Float64frombits(binary.LittleEndian.Uint64(b)))
	}
}

// putRow sets row i of a tensor from row j of a column.
func putRow(c *column.Column, i int, from *column.Column, j int) {
	switch from.Type {
	case schema.Bool:
		putInt(c, i, int64(boolBit(from.Bools[j])))
	case schema.Int32:
		putInt(c, i, int64(from.Int32s[j]))
	case schema.Int64, schema.Timestamp:
		putInt(c, i, from.Int64s[j])
	case schema.Float32:
		putFloat(c, i, float64(from.Float32s[j]))
	case schema.Float64:
		putFloat(c, i, from.Float64s[j])
	default: // texts, which have no tensor where the model does not ask for them
		if c.Type == from.Type {
			c.CopyRow(i, from, j)
		}
	}
}

// putNull sets row i of a tensor to what stands for null: NaN in one of floats.
// In another it is zero, and models that could see it are refused when they are
// applied.
func putNull(c *column.Column, i int) {
	switch c.Type {
	case schema.Float32, schema.Float64:
		putFloat(c, i, math.NaN())
	case schema.String:
		c.Strings[i] = ""
	case schema.Bytes:
		c.Bytes[i] = nil
	default:
		putInt(c, i, 0)
	}
}

func putInt(c *column.Column, i int, v int64) {
	switch c.Type {
	case schema.Bool:
		c.Bools[i] = v != 0
	case schema.Int32:
		c.Int32s[i] = int32(v)
	case schema.Int64, schema.Timestamp:
		c.Int64s[i] = v
	case schema.Float32:
		c.Float32s[i] = float32(v)
	case schema.Float64:
		c.Float64s[i] = float64(v)
	}
}

func putFloat(c *column.Column, i int, v float64) {
	switch c.Type {
	case schema.Float32:
		c.Float32s[i] = float32(v)
	case schema.Float64:
		c.Float64s[i] = v
	}
}

// float32At returns row i of a column of bools or numbers as a float tensor
// holds it.
func float32At(c *column.Column, i int) float32 {
	switch c.Type {
	case schema.Bool:
		return float32(boolBit(c.Bools[i]))
	case schema.Int32:
		return float32(c.Int32s[i])
	case schema.Int64:
		return float32(c.Int64s[i])
	case schema.Float32:
		return c.Float32s[i]
	}
	return float32(c.Float64s[i])
}

func boolBit(v bool) uint8 {
	if v {
		return 1
	}
	return 0
}

// readFloats reads values of type t that lie end to end into a float tensor.
func readFloats(to []float32, t schema.Type, from []byte) {
	switch t {
	case schema.Bool:
		for i := range to {
			to[i] = float32(from[i] & 1)
		}
	case schema.Int32:
		for i := range to {
			to[i], from = float32(int32(binary.LittleEndian.Uint32(from))), from[4:]
		}
	case schema.Int64:
		for i := range to {
			to[i], from = float32(int64(binary.LittleEndian.Uint64(from))), from[8:]
		}
	case schema.Float32:
		for i := range to {
			to[i], from = math.Float32frombits(binary.LittleEndian.Uint32(from)), from[4:]
		}
	case schema.Float64:
		for i := range to {
			to[i], from = float32(math.Float64frombits(binary.LittleEndian.Uint64(from))), from[8:]
		}
	}
}
