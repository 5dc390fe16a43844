package wire

import (
	larderv1 "larder/api/larder/v1"
	"larder/column"
	"larder/schema"
)

// Read takes the columns of a request, which dst then aliases. noun is what
// messages call one of them.
func Read(dst *column.Columns, noun string, columns []*larderv1.Column) error {
	dst.Reset()
	for _, c := range columns {
		v, err := Nullable(noun, c)
		if err != nil {
			return err
		}
		dst.Add(c.GetName(), v)
	}
	return nil
}

// Nullable returns the values of a message, as Column does, with its nulls.
func Nullable(noun string, c *larderv1.Column) (column.Column, error) {
	v := Column(c)
	if nulls := c.GetNulls(); len(nulls) > 0 {
		var err error
		if v.Valid, err = validRows(noun, c.GetName(), nulls, v.Len()); err != nil {
			return v, err
		}
	}
	if len(c.GetLists().GetElements().GetNulls()) > 0 {
		return v, schema.NullElement.Errorf("%s %q has nulls among the elements of its lists; leave them out", noun, c.GetName())
	}
	return v, nil
}

// Column returns the values of a message, which they alias; of no type when there
// are none. Nulls are left to [Nullable].
func Column(c *larderv1.Column) column.Column {
	switch v := c.GetValues().(type) {
	case *larderv1.Column_Bools:
		return column.Column{Type: schema.Bool, Bools: v.Bools.GetValues()}
	case *larderv1.Column_Int32S:
		return column.Column{Type: schema.Int32, Int32s: v.Int32S.GetValues()}
	case *larderv1.Column_Int64S:
		return column.Column{Type: schema.Int64, Int64s: v.Int64S.GetValues()}
	case *larderv1.Column_Floats:
		return column.Column{Type: schema.Float32, Float32s: v.Floats.GetValues()}
	case *larderv1.Column_Doubles:
		return column.Column{Type: schema.Float64, Float64s: v.Doubles.GetValues()}
	case *larderv1.Column_Strings:
		return column.Column{Type: schema.String, Strings: v.Strings.GetValues()}
	case *larderv1.Column_Blobs:
		return column.Column{Type: schema.Bytes, Bytes: v.Blobs.GetValues()}
	case *larderv1.Column_Timestamps:
		return column.Column{Type: schema.Timestamp, Int64s: v.Timestamps.GetValues()}
	case *larderv1.Column_Lists:
		list := Column(v.Lists.GetElements())
		if !list.Type.Valid() || list.Type.IsList() {
			return column.Column{} // lists of lists don't exist
		}
		list.Type, list.Ends = schema.List(list.Type), v.Lists.GetEnds()
		return list
	}
	return column.Column{}
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
			return nil, schema.BadNulls.Errorf("%s %q says that row %d is null; nulls are rows from 0 to %d, ascending", noun, name, row, rows-1)
		}
		valid[row], next = false, row+1
	}
	return valid, nil
}
