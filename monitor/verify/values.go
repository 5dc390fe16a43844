package verify

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"time"

	"larder/schema"
	"larder/vector"
)

// sameValue compares two values of one type bit for bit.
func sameValue(a *vector.Column, i int, b *vector.Column, j int) bool {
	if a.IsNull(i) || b.IsNull(j) {
		return a.IsNull(i) == b.IsNull(j)
	}
	if !a.Type.IsList() {
		return sameElement(a, uint32(i), b, uint32(j))
	}
	start, end := a.List(i)
	other, otherEnd := b.List(j)
	if end-start != otherEnd-other {
		return false
	}
	for k := range end - start {
		if !sameElement(a, start+k, b, other+k) {
			return false
		}
	}
	return true
}

func sameElement(a *vector.Column, i uint32, b *vector.Column, j uint32) bool {
	switch a.Type.Elem() {
	case schema.Bool:
		return a.Bools[i] == b.Bools[j]
	case schema.Int32:
		return a.Int32s[i] == b.Int32s[j]
	case schema.Int64, schema.Timestamp:
		return a.Int64s[i] == b.Int64s[j]
	case schema.Float32:
		return math.Float32bits(a.Float32s[i]) == math.Float32bits(b.Float32s[j])
	case schema.Float64:
		return math.Float64bits(a.Float64s[i]) == math.Float64bits(b.Float64s[j])
	case schema.String:
		return a.Strings[i] == b.Strings[j]
	}
	return bytes.Equal(a.Bytes[i], b.Bytes[j])
}

// maxText bounds a value that is shown.
const maxText = 200

// texts shows two values that differ: as JSON, or the status of one that is not
// present. Of long ones it shows where they part, and of NaNs the bits.
func texts(a *vector.Column, i int, b *vector.Column, j int) (left, right string) {
	left, right = text(a, i), text(b, j)
	if left == right {
		left, right = left+" "+bits(a, i), right+" "+bits(b, j)
	}
	parts := 0
	for parts < min(len(left), len(right)) && left[parts] == right[parts] {
		parts++
	}
	return cut(left, parts), cut(right, parts)
}

func text(c *vector.Column, i int) string {
	if status := c.Statuses[i]; status != schema.StatusPresent {
		return status.String()
	}
	return string(schema.AppendValue(nil, c.Value(i)))
}

// bits writes a value of floats as their bits.
func bits(c *vector.Column, i int) string {
	start, end := uint32(i), uint32(i)+1
	if c.Type.IsList() {
		start, end = c.List(i)
	}
	var out []string
	for k := start; k < end; k++ {
		switch c.Type.Elem() {
		case schema.Float32:
			out = append(out, fmt.Sprintf("0x%08x", math.Float32bits(c.Float32s[k])))
		case schema.Float64:
			out = append(out, fmt.Sprintf("0x%016x", math.Float64bits(c.Float64s[k])))
		}
	}
	return strings.Join(out, " ")
}

// cut shortens a text to what is around a place.
func cut(s string, at int) string {
	if len(s) <= maxText {
		return s
	}
	start := min(max(0, at-maxText/4), len(s)-maxText)
	out := s[start : start+maxText]
	if start > 0 {
		out = "..." + out
	}
	if start+maxText < len(s) {
		out += "..."
	}
	return strings.ToValidUTF8(out, "")
}

func moment(micros int64) string {
	return time.UnixMicro(micros).UTC().Format(time.RFC3339Nano)
}
