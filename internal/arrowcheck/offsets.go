package arrowcheck

import (
	"errors"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
)

// offsets checks that values begin where the ones before them end.
func offsets[T int32 | int64](p *part, at []T, most int) error {
	if p.end == 0 {
		return nil
	}
	if len(at) < p.end+1 {
		return fmt.Errorf("it has %d offsets for %d values", len(at), p.end)
	}
	last := T(0)
	for _, offset := range at[p.Offset() : p.end+1] {
		if offset < last {
			return fmt.Errorf("a value begins at %d, before %d where the one before it does", offset, last)
		}
		last = offset
	}
	if int64(last) > int64(most) {
		return fmt.Errorf("its values end at %d of %d", last, most)
	}
	return nil
}

// spans checks the lists of a list view.
func spans[T int32 | int64](p *part, at, sizes []T) error {
	if len(at) < p.end || len(sizes) < p.end {
		return fmt.Errorf("it has %d offsets and %d sizes for %d values", len(at), len(sizes), p.end)
	}
	most := int64(p.Children()[0].Len())
	for i := p.Offset(); i < p.end; i++ {
		if offset, size := int64(at[i]), int64(sizes[i]); offset < 0 || size < 0 || offset > most || size > most-offset {
			return fmt.Errorf("a list has %d values from %d on, of %d", size, offset, most)
		}
	}
	return nil
}

func (p *part) views() error {
	views := arrow.ViewHeaderTraits.CastFromBytes(p.bytes(1))
	if len(views) < p.end {
		return fmt.Errorf("it has %d of %d values", len(views), p.end)
	}
	for i := range p.Len() {
		v := &views[p.Offset()+i]
		if !p.valid(i) || v.IsInline() && v.Len() >= 0 {
			continue
		}
		data := p.bytes(2 + int(v.BufferIndex()))
		offset, size := int64(v.BufferOffset()), int64(v.Len())
		if v.BufferIndex() < 0 || offset < 0 || size < 0 || offset > int64(len(data)) || size > int64(len(data))-offset {
			return fmt.Errorf("a value has %d bytes from %d on, of %d", size, offset, len(data))
		}
		if prefix := v.Prefix(); string(data[offset:offset+int64(len(prefix))]) != string(prefix[:]) {
			return errors.New("a value does not begin as it says")
		}
	}
	return nil
}
