package vector

import (
	"time"

	"larder/schema"
)

// Value returns the value of row i in the Go form of [schema.ParseValue]; nil is
// null. It is for showing and comparing: it allocates.
func (c *Column) Value(i int) any {
	if c.IsNull(i) {
		return nil
	}
	if !c.Type.IsList() {
		return c.element(uint32(i))
	}
	list := []any{}
	for start, end := c.List(i); start < end; start++ {
		list = append(list, c.element(start))
	}
	return list
}

func (c *Column) element(i uint32) any {
	switch c.Type.Elem() {
	case schema.Bool:
		return c.Bools[i]
	case schema.Int32:
		return c.Int32s[i]
	case schema.Int64:
		return c.Int64s[i]
	case schema.Timestamp:
		return time.UnixMicro(c.Int64s[i]).UTC()
	case schema.Float32:
		return c.Float32s[i]
	case schema.Float64:
		return c.Float64s[i]
	case schema.String:
		return c.Strings[i]
	}
	return c.Bytes[i]
}
