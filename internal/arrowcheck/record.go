package arrowcheck

import (
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"

	"larder/internal/background"
)

// Record returns an error unless every value of a record can be read: lengths,
// offsets and indices are within what they are of.
func Record(rec arrow.Record) error {
	return Try(func() error { return record(rec) })
}

// Try returns what work returns. A panic is an error of one line.
func Try(work func() error) error {
	err := background.Try(work)
	var p *background.Panic
	if errors.As(err, &p) {
		return fmt.Errorf("it can't be decoded: %v", p.Value)
	}
	return err
}

func record(rec arrow.Record) error {
	for i, c := range rec.Columns() {
		if int64(c.Len()) != rec.NumRows() {
			return fmt.Errorf("column %q has %d values, and the batch %d rows", rec.ColumnName(i), c.Len(), rec.NumRows())
		}
		if err := checkData(c.Data(), c.DataType()); err != nil {
			return fmt.Errorf("column %q (%s): %w", rec.ColumnName(i), c.DataType(), err)
		}
	}
	return nil
}

// A part is data that is checked.
type part struct {
	arrow.ArrayData
	end int // offset and length
}

func checkData(d arrow.ArrayData, t arrow.DataType) error {
	if d.Len() < 0 || d.Offset() < 0 || d.NullN() > d.Len() {
		return fmt.Errorf("it has %d values from %d on, and %d nulls", d.Len(), d.Offset(), d.NullN())
	}
	p := &part{d, d.Offset() + d.Len()}
	if err := p.validity(); err != nil {
		return err
	}
	if err := p.values(t); err != nil {
		return err
	}
	if extension, is := t.(arrow.ExtensionType); is {
		t = extension.StorageType()
	}
	var fields []arrow.Field
	if nested, is := t.(arrow.NestedType); is {
		fields = nested.Fields()
	}
	if len(fields) != len(d.Children()) {
		return fmt.Errorf("it has %d parts instead of %d", len(d.Children()), len(fields))
	}
	for i, child := range d.Children() {
		if err := checkData(child, fields[i].Type); err != nil {
			return err
		}
	}
	return nil
}

// bytes returns a buffer's bytes.
func (p *part) bytes(i int) []byte {
	if i >= len(p.Buffers()) || p.Buffers()[i] == nil {
		return nil
	}
	return p.Buffers()[i].Bytes()
}

func (p *part) validity() error {
	bitmap := p.bytes(0)
	if len(bitmap) == 0 {
		if p.NullN() > 0 && p.DataType().ID() != arrow.NULL && p.DataType().ID() != arrow.RUN_END_ENCODED {
			return fmt.Errorf("it has %d nulls, and doesn't say which", p.NullN())
		}
		return nil
	}
	if int64(len(bitmap)) < bitutil.BytesForBits(int64(p.end)) {
		return fmt.Errorf("its nulls take %d bytes for %d values", len(bitmap), p.end)
	}
	if nulls := p.Len() - bitutil.CountSetBits(bitmap, p.Offset(), p.Len()); p.NullN() >= 0 && nulls != p.NullN() {
		return fmt.Errorf("it has %d nulls, and says %d", nulls, p.NullN())
	}
	return nil
}

// valid reports whether a value is not null.
func (p *part) valid(i int) bool {
	bitmap := p.bytes(0)
	return len(bitmap) == 0 || bitutil.BitIsSet(bitmap, p.Offset()+i)
}

// values checks the buffers after the first.
func (p *part) values(t arrow.DataType) error {
	switch t := t.(type) {
	case arrow.ExtensionType:
		return p.values(t.StorageType())
	case *arrow.NullType:
		return nil
	case *arrow.DictionaryType:
		return p.dictionary(t)
	case arrow.BinaryViewDataType:
		return p.views()
	case *arrow.StringType, *arrow.BinaryType:
		return offsets(p, arrow.Int32Traits.CastFromBytes(p.bytes(1)), len(p.bytes(2)))
	case *arrow.LargeStringType, *arrow.LargeBinaryType:
		return offsets(p, arrow.Int64Traits.CastFromBytes(p.bytes(1)), len(p.bytes(2)))
	case *arrow.ListType, *arrow.MapType:
		return offsets(p, arrow.Int32Traits.CastFromBytes(p.bytes(1)), p.Children()[0].Len())
	case *arrow.LargeListType:
		return offsets(p, arrow.Int64Traits.CastFromBytes(p.bytes(1)), p.Children()[0].Len())
	case *arrow.ListViewType:
		return spans(p, arrow.Int32Traits.CastFromBytes(p.bytes(1)), arrow.Int32Traits.CastFromBytes(p.bytes(2)))
	case *arrow.LargeListViewType:
		return spans(p, arrow.Int64Traits.CastFromBytes(p.bytes(1)), arrow.Int64Traits.CastFromBytes(p.bytes(2)))
	case *arrow.FixedSizeListType:
		return p.children(p.end * int(t.Len()))
	case *arrow.StructType:
		return p.children(p.end)
	case *arrow.RunEndEncodedType:
		return p.runs()
	case arrow.UnionType:
		return p.union(t)
	case arrow.FixedWidthDataType:
		if err := parameters(t); err != nil {
			return err
		}
		if have, need := int64(len(p.bytes(1))), bitutil.BytesForBits(int64(p.end)*int64(t.BitWidth())); have < need {
			return fmt.Errorf("its %d values take %d bytes, and it has %d", p.end, need, have)
		}
		return nil
	}
	return errors.New("its type can't be read")
}

// parameters checks those of a type that its values are made with.
func parameters(t arrow.DataType) error {
	switch t := t.(type) {
	case *arrow.TimestampType:
		if _, err := t.GetZone(); err != nil {
			return fmt.Errorf("the time zone %.40q is not known", t.TimeZone)
		}
	case *arrow.Decimal128Type:
		return digits(t, 38)
	case *arrow.Decimal256Type:
		return digits(t, 76)
	}
	return nil
}

func digits(t arrow.DecimalType, most int32) error {
	if t.GetPrecision() < 1 || t.GetPrecision() > most || t.GetScale() < 0 || t.GetScale() > most {
		return fmt.Errorf("a decimal of %d digits, %d of them after the point, can't be read", t.GetPrecision(), t.GetScale())
	}
	return nil
}

func (p *part) children(least int) error {
	for _, c := range p.Children() {
		if c.Len() < least {
			return fmt.Errorf("a part has %d values, and it needs %d", c.Len(), least)
		}
	}
	return nil
}

func (p *part) dictionary(t *arrow.DictionaryType) error {
	if err := p.values(t.IndexType); err != nil {
		return err
	}
	values := p.Dictionary()
	if values == nil || values.Len() == 0 && p.NullN() == p.Len() {
		return nil
	}
	if err := checkData(values, t.ValueType); err != nil {
		return fmt.Errorf("its dictionary: %w", err)
	}
	indices := array.NewData(t.IndexType, p.Len(), p.Buffers(), nil, p.NullN(), p.Offset())
	defer indices.Release()
	all := array.NewDictionaryArray(t, array.MakeFromData(indices), array.MakeFromData(values))
	defer all.Release()
	for i := range p.Len() {
		if p.valid(i) {
			if at := all.GetValueIndex(i); at < 0 || at >= values.Len() {
				return fmt.Errorf("its dictionary has %d values, and not the %dth", values.Len(), at)
			}
		}
	}
	return nil
}

// runs checks that runs end after each other, the last at or after the end.
func (p *part) runs() error {
	ends := array.MakeFromData(p.Children()[0])
	defer ends.Release()
	at := func(i int) int64 {
		switch e := ends.(type) {
		case *array.Int16:
			return int64(e.Value(i))
		case *array.Int32:
			return int64(e.Value(i))
		case *array.Int64:
			return e.Value(i)
		}
		return -1
	}
	if err := checkData(p.Children()[0], p.Children()[0].DataType()); err != nil {
		return err
	}
	last := int64(0)
	for i := range ends.Len() {
		if at(i) <= last {
			return fmt.Errorf("a run ends at %d, and the one before it at %d", at(i), last)
		}
		last = at(i)
	}
	if last < int64(p.end) || p.Children()[1].Len() < ends.Len() {
		return fmt.Errorf("its runs end at %d of %d, with %d values", last, p.end, p.Children()[1].Len())
	}
	return nil
}

func (p *part) union(t arrow.UnionType) error {
	ids := p.bytes(1)
	if len(ids) < p.end {
		return fmt.Errorf("it has %d of %d types", len(ids), p.end)
	}
	places := arrow.Int32Traits.CastFromBytes(p.bytes(2))
	children := t.ChildIDs()
	for i := p.Offset(); i < p.end; i++ {
		if int(ids[i]) >= len(children) || children[ids[i]] == arrow.InvalidUnionChildID {
			return fmt.Errorf("a value is of the unknown type %d", ids[i])
		}
		child := p.Children()[children[ids[i]]]
		at := i
		if t.Mode() == arrow.DenseMode {
			if i >= len(places) {
				return fmt.Errorf("it has %d of %d places", len(places), p.end)
			}
			at = int(places[i])
		}
		if at < 0 || at >= child.Len() {
			return fmt.Errorf("a value is the %dth of %d", at, child.Len())
		}
	}
	return nil
}
