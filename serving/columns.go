package serving

import (
	larderv1 "larder/api/larder/v1"
	"larder/schema"
	"larder/vector"
)

// takeColumns takes the columns of a gRPC request, which they alias.
func (c *call) takeColumns(entities, request []*larderv1.Column) error {
	if err := takeAll(&c.entities, "join key", entities); err != nil {
		return err
	}
	return takeAll(&c.request, "request value", request)
}

func takeAll(dst *vector.Columns, noun string, columns []*larderv1.Column) error {
	dst.Names, dst.Values = dst.Names[:0], dst.Values[:0]
	for _, c := range columns {
		v := vectorColumn(c)
		if nulls := c.GetNulls(); len(nulls) > 0 {
			var err error
			if v.Valid, err = validRows(noun, c.GetName(), nulls, v.Len()); err != nil {
				return err
			}
		}
		if len(c.GetLists().GetElements().GetNulls()) > 0 {
			return schema.Errorf(schema.Invalid, "NULL_ELEMENT", "%s %q has nulls among the elements of its lists; leave them out", noun, c.GetName())
		}
		dst.Names, dst.Values = append(dst.Names, c.GetName()), append(dst.Values, v)
	}
	return nil
}

// vectorColumn returns the values of a column; of no type when there are none.
func vectorColumn(c *larderv1.Column) vector.Column {
	switch v := c.GetValues().(type) {
	case *larderv1.Column_Bools:
		return vector.Column{Type: schema.Bool, Bools: v.Bools.GetValues()}
	case *larderv1.Column_Int32S:
		return vector.Column{Type: schema.Int32, Int32s: v.Int32S.GetValues()}
	case *larderv1.Column_Int64S:
		return vector.Column{Type: schema.Int64, Int64s: v.Int64S.GetValues()}
	case *larderv1.Column_Floats:
		return vector.Column{Type: schema.Float32, Float32s: v.Floats.GetValues()}
	case *larderv1.Column_Doubles:
		return vector.Column{Type: schema.Float64, Float64s: v.Doubles.GetValues()}
	case *larderv1.Column_Strings:
		return vector.Column{Type: schema.String, Strings: v.Strings.GetValues()}
	case *larderv1.Column_Blobs:
		return vector.Column{Type: schema.Bytes, Bytes: v.Blobs.GetValues()}
	case *larderv1.Column_Timestamps:
		return vector.Column{Type: schema.Timestamp, Int64s: v.Timestamps.GetValues()}
	case *larderv1.Column_Lists:
		list := vectorColumn(v.Lists.GetElements())
		if !list.Type.Valid() || list.Type.IsList() {
			return vector.Column{} // lists of lists don't exist
		}
		list.Type, list.Ends = schema.List(list.Type), v.Lists.GetEnds()
		return list
	}
	return vector.Column{}
}

// validRows turns the rows that are null into one flag a row.
func validRows(noun, name string, nulls []uint32, rows int) ([]bool, error) {
	valid := make([]bool, rows)
	for i := range valid {
		valid[i] = true
	}
	next := uint32(0)
	for _, row := range nulls {
		if row < next || int(row) >= rows {
			return nil, schema.Errorf(schema.Invalid, "BAD_NULLS", "%s %q says that row %d is null; nulls are rows from 0 to %d, ascending", noun, name, row, rows-1)
		}
		valid[row], next = false, row+1
	}
	return valid, nil
}
