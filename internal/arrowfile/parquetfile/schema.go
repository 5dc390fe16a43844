package parquetfile

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	arrow18 "github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet/schema"
	"github.com/apache/arrow/go/v17/arrow"

	"larder/internal/arrowcheck"
)

// checkArrowSchema checks the Arrow schema that many writers put into the metadata of a
// file: a message in base64, from which the library takes the types of columns.
func checkArrowSchema(text string) error {
	if text == "" {
		return nil
	}
	data, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return err
	}
	const continuation = 0xffffffff
	if len(data) >= 8 && binary.LittleEndian.Uint32(data) == continuation {
		data = data[4:]
	}
	if len(data) < 4 {
		return errors.New("it is too short")
	}
	n := int64(binary.LittleEndian.Uint32(data))
	if data = data[4:]; n > int64(len(data)) {
		return errors.New("it was cut short")
	}
	return new(arrowcheck.Checker).Message(data[:n], nil)
}

// schemaOf returns some columns of the file for arrow v17. JSON is text, which the library
// leaves as bytes.
func (f *File) schemaOf(columns *arrow18.Schema) (*arrow.Schema, error) {
	s, err := schema17(columns)
	if err != nil {
		return nil, err
	}
	fields := slices.Clone(s.Fields())
	for i := range fields {
		leaf := f.meta.Schema.ColumnIndexByName(fields[i].Name)
		if leaf < 0 || fields[i].Type.ID() != arrow.BINARY {
			continue
		}
		if _, isJSON := f.meta.Schema.Column(leaf).LogicalType().(schema.JSONLogicalType); isJSON {
			fields[i].Type = arrow.BinaryTypes.String
		}
	}
	metadata := s.Metadata()
	return arrow.NewSchema(fields, &metadata), nil
}
