package vector_test

import (
	"math"
	"time"

	"larder/schema"
)

// asElement is the oracle of conversion: a value as an element of a tensor.
func asElement(to schema.Type, value any) any {
	switch v := value.(type) {
	case nil:
		return map[schema.Type]any{
			schema.Bool: false, schema.Int32: int32(0), schema.Int64: int64(0), schema.String: "",
			schema.Float32: float32(math.NaN()), schema.Float64: math.NaN(),
		}[to]
	case bool:
		if to == schema.Bool {
			return v
		}
		if v {
			return asElement(to, int64(1))
		}
		return asElement(to, int64(0))
	case int32:
		return asElement(to, int64(v))
	case time.Time:
		return v.UnixMicro()
	case int64:
		switch to {
		case schema.Int32:
			return int32(v)
		case schema.Float32:
			return float32(v)
		case schema.Float64:
			return float64(v)
		}
	case float32:
		if to == schema.Float64 {
			return float64(v)
		}
	case float64:
		if to == schema.Float32 {
			return float32(v)
		}
	}
	return value
}
