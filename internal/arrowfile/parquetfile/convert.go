package parquetfile

import (
	"bytes"
	"fmt"

	arrow18 "github.com/apache/arrow-go/v18/arrow"
	array18 "github.com/apache/arrow-go/v18/arrow/array"
	ipc18 "github.com/apache/arrow-go/v18/arrow/ipc"
	memory18 "github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// schema17 returns a schema for arrow v17. It crosses as the bytes that Arrow defines,
// which both versions know. The checksum of the footer is not the table's.
func schema17(s *arrow18.Schema) (*arrow.Schema, error) {
	kept := map[string]string{}
	for key, value := range s.Metadata().ToMap() {
		if key != footerSumKey {
			kept[key] = value
		}
	}
	metadata := arrow18.MetadataFrom(kept)
	s = arrow18.NewSchema(s.Fields(), &metadata)
	var raw bytes.Buffer
	if err := ipc18.NewWriter(&raw, ipc18.WithSchema(s)).Close(); err != nil {
		return nil, err
	}
	in, err := ipc.NewReader(&raw)
	if err != nil {
		return nil, err
	}
	return in.Schema(), nil
}

// schema18 is the way back of schema17.
func schema18(s *arrow.Schema) (*arrow18.Schema, error) {
	var raw bytes.Buffer
	if err := ipc.NewWriter(&raw, ipc.WithSchema(s)).Close(); err != nil {
		return nil, err
	}
	in, err := ipc18.NewReader(&raw)
	if err != nil {
		return nil, err
	}
	return in.Schema(), nil
}

// data17 returns data of a type for arrow v17 that shares the buffers.
func data17(d arrow18.ArrayData, t arrow.DataType) (arrow.ArrayData, error) {
	buffers := make([]*memory.Buffer, len(d.Buffers()))
	for i, b := range d.Buffers() {
		if b != nil {
			buffers[i] = memory.NewBufferBytes(b.Bytes())
		}
	}
	fields := childrenOf(t)
	if len(fields) != len(d.Children()) {
		return nil, fmt.Errorf("its type %s has %d parts, and its data %d", t, len(fields), len(d.Children()))
	}
	children := make([]arrow.ArrayData, len(fields))
	for i, child := range d.Children() {
		var err error
		if children[i], err = data17(child, fields[i].Type); err != nil {
			return nil, err
		}
	}
	if dictionary, is := t.(*arrow.DictionaryType); is {
		values, err := data17(d.Dictionary(), dictionary.ValueType)
		if err != nil {
			return nil, err
		}
		return array.NewDataWithDictionary(t, d.Len(), buffers, d.NullN(), d.Offset(), values.(*array.Data)), nil
	}
	return array.NewData(t, d.Len(), buffers, children, d.NullN(), d.Offset()), nil
}

// data18 is the way back of data17.
func data18(d arrow.ArrayData, t arrow18.DataType) (arrow18.ArrayData, error) {
	if extension, is := t.(arrow18.ExtensionType); is {
		data, err := data18(d, extension.StorageType())
		if err != nil {
			return nil, err
		}
		return array18.NewData(t, data.Len(), data.Buffers(), data.Children(), data.NullN(), data.Offset()), nil
	}
	buffers := make([]*memory18.Buffer, len(d.Buffers()))
	for i, b := range d.Buffers() {
		if b != nil {
			buffers[i] = memory18.NewBufferBytes(b.Bytes())
		}
	}
	var fields []arrow18.Field
	if nested, is := t.(arrow18.NestedType); is {
		fields = nested.Fields()
	}
	if len(fields) != len(d.Children()) {
		return nil, fmt.Errorf("its type %s has %d parts, and its data %d", t, len(fields), len(d.Children()))
	}
	children := make([]arrow18.ArrayData, len(fields))
	for i, child := range d.Children() {
		var err error
		if children[i], err = data18(child, fields[i].Type); err != nil {
			return nil, err
		}
	}
	if dictionary, is := t.(*arrow18.DictionaryType); is {
		values, err := data18(d.Dictionary(), dictionary.ValueType)
		if err != nil {
			return nil, err
		}
		return array18.NewDataWithDictionary(t, d.Len(), buffers, d.NullN(), d.Offset(), values.(*array18.Data)), nil
	}
	return array18.NewData(t, d.Len(), buffers, children, d.NullN(), d.Offset()), nil
}

// childrenOf returns the parts of a type whose data have children.
func childrenOf(t arrow.DataType) []arrow.Field {
	if extension, is := t.(arrow.ExtensionType); is {
		t = extension.StorageType()
	}
	if nested, is := t.(arrow.NestedType); is {
		return nested.Fields()
	}
	return nil
}
