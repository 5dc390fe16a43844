package verify

import (
	"fmt"
	"math"
	"strings"
	"time"

	"larder/column"
	"larder/schema"
)

// maxText bounds the text of a value.
const maxText = 200

// texts shows two values that differ: as JSON, or as the status of a value that is not
// present. For long values it shows where they start to differ, and for NaNs the bits.
func texts(a *column.Column, i int, b *column.Column, j int) (left, right string) {
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

func text(c *column.Column, i int) string {
	if status := c.Statuses[i]; status != schema.StatusPresent {
		return status.String()
	}
	return string(c.AppendJSON(nil, i))
}

// bits writes a value of floats as their bits.
func bits(c *column.Column, i int) string {
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

// cut shortens a text to the part around a place.
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
