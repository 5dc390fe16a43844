package vector

import (
	"bytes"
	"encoding/binary"
	"math"

	"larder/column"
	"larder/schema"
	"larder/store/row"
)

// A kept copy of a batch's text is what strings and bytes of its columns alias:
// one allocation for all of them.
type kept struct {
	strings string
	bytes   []byte
}

// keep copies the text of the batch, for values of type t.
func (k *kept) keep(text []byte, t schema.Type) {
	switch {
	case t == schema.String && k.strings == "":
		k.strings = string(text)
	case t == schema.Bytes && k.bytes == nil:
		k.bytes = bytes.Clone(text)
	}
}

// putTexts puts stored strings and bytes in their places. Where none is stored
// it puts an empty one, and Finish the default over it.
func (b *Batch) putTexts() {
	var copies kept
	for slot, feature := range b.program.texts {
		t := b.program.features[feature].Type
		if t.IsList() {
			continue
		}
		copies.keep(b.text, t)
		spans := b.spans[slot*b.rows:][:b.rows]
		if c := b.column(feature); c != nil {
			setTexts(c, &copies, spans)
		}
		if b.tensors != nil && feature < b.program.width {
			setTensorTexts(&b.tensors[feature], &copies, spans)
		}
	}
}

func setTexts(c *column.Column, copies *kept, spans [][2]uint32) {
	switch c.Type {
	case schema.String:
		for r, s := range spans {
			c.Strings[r] = copies.strings[s[0]:s[1]]
		}
	case schema.Bytes:
		for r, s := range spans {
			c.Bytes[r] = copies.bytes[s[0]:s[1]:s[1]]
		}
	}
}

// setTensorTexts is setTexts for a tensor. No model takes bytes.
func setTensorTexts(t *column.Tensor, copies *kept, spans [][2]uint32) {
	if t.Type != schema.String {
		return
	}
	for r, s := range spans {
		t.Strings[t.At(r, 0)] = copies.strings[s[0]:s[1]]
	}
}

// joinLists lays the lists of each column of lists end to end. Defaults count as what
// rows hold: a long one for many rows takes as much memory.
func (b *Batch) joinLists() error {
	var copies kept
	filled := 0
	for slot, feature := range b.program.texts {
		c := b.column(feature)
		if c == nil || !c.Type.IsList() || b.computes(feature) {
			continue
		}
		each := b.program.defaults[feature].RowBytes(0)
		for _, status := range c.Statuses {
			if status != schema.StatusPresent {
				filled += each
			}
		}
		if filled > MaxTextBytes {
			return valuesTooLarge()
		}
		copies.keep(b.text, c.Type.Elem())
		if err := b.joinList(c, slot, feature, &copies); err != nil {
			return b.program.views[b.program.features[feature].View].corrupt(err)
		}
	}
	return nil
}

func (b *Batch) joinList(c *column.Column, slot, feature int, copies *kept) error {
	t, spans := c.Type.Elem(), b.spans[slot*b.rows:][:b.rows]
	given, missing := b.given[feature], &b.program.defaults[feature]
	total := 0
	for r, s := range spans {
		switch {
		case c.Statuses[r] != schema.StatusPresent:
			total += missing.Elements()
		case given != nil:
			start, end := given.List(r)
			total += int(end - start)
		default:
			n, err := row.ListLen(t, b.text[s[0]:s[1]])
			if err != nil {
				return err
			}
			total += n
		}
	}
	c.Reserve(total)
	for r, s := range spans {
		switch {
		case c.Statuses[r] != schema.StatusPresent:
			c.AppendList(missing, 0)
		case given != nil:
			c.AppendList(given, r)
		default:
			if err := appendRaw(c, b.text, s, copies); err != nil {
				return err
			}
		}
		c.Ends[r] = uint32(c.Elements())
	}
	return nil
}

// appendRaw appends the elements of the stored list at a span of text. Its
// length was checked.
func appendRaw(c *column.Column, text []byte, span [2]uint32, copies *kept) error {
	list, base := text[span[0]:span[1]], int(span[0])
	switch c.Type.Elem() {
	case schema.String:
		return row.EachText(list, func(start, end int) { c.Strings = append(c.Strings, copies.strings[base+start:base+end]) })
	case schema.Bytes:
		return row.EachText(list, func(start, end int) { c.Bytes = append(c.Bytes, copies.bytes[base+start:base+end:base+end]) })
	case schema.Bool:
		for _, v := range list {
			c.Bools = append(c.Bools, v != 0)
		}
	case schema.Int32:
		for ; len(list) > 0; list = list[4:] {
			c.Int32s = append(c.Int32s, int32(binary.LittleEndian.Uint32(list)))
		}
	case schema.Int64, schema.Timestamp:
		for ; len(list) > 0; list = list[8:] {
			c.Int64s = append(c.Int64s, int64(binary.LittleEndian.Uint64(list)))
		}
	case schema.Float32:
		for ; len(list) > 0; list = list[4:] {
			c.Float32s = append(c.Float32s, math.Float32frombits(binary.LittleEndian.Uint32(list)))
		}
	case schema.Float64:
		for ; len(list) > 0; list = list[8:] {
			c.Float64s = append(c.Float64s, math.Float64frombits(binary.LittleEndian.Uint64(list)))
		}
	}
	return nil
}
