package verify

import (
	"bytes"
	"math"
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

// text shows a value: as JSON, and its status where it is not present.
func text(c *vector.Column, i int) string {
	if status := c.Statuses[i]; status != schema.StatusPresent {
		return status.String()
	}
	out := string(schema.AppendValue(nil, c.Value(i)))
	if len(out) > maxText {
		out = out[:maxText] + "..."
	}
	return out
}

func moment(micros int64) string {
	return time.UnixMicro(micros).UTC().Format(time.RFC3339Nano)
}
