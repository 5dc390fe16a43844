package record_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"larder/column/arrows"
	"larder/schema"
	"larder/store/record"
	"larder/store/row"
)

// recordOf returns a record of rows of one feature, v; those of deleted are tombstones.
func recordOf(typ schema.Type, deleted []int, values ...any) arrow.Record {
	fields := []arrow.Field{
		{Name: "id", Type: arrow.PrimitiveTypes.Int64},
		{Name: "at", Type: arrows.Type(schema.Timestamp)},
		{Name: "ingest", Type: arrows.Type(schema.Timestamp), Nullable: true},
		{Name: "deleted", Type: arrow.FixedWidthTypes.Boolean},
		{Name: "v", Type: arrows.Type(typ), Nullable: true},
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	for i, v := range values {
		b.Field(0).(*array.Int64Builder).Append(int64(i))
		b.Field(1).(*array.TimestampBuilder).Append(arrow.Timestamp(i + 1))
		b.Field(2).AppendNull()
		b.Field(3).(*array.BooleanBuilder).Append(slices.Contains(deleted, i))
		arrows.AppendValue(b.Field(4), v)
	}
	return b.NewRecord()
}

// viewOf returns a view with the one feature v.
func viewOf(typ schema.Type) *schema.View {
	return &schema.View{
		FeatureView: &schema.FeatureView{Name: "view", Features: []schema.Feature{{Name: "v", Type: typ}}},
		ID:          1, Keys: []schema.JoinKey{{Name: "id", Type: schema.Int64}}, Layouts: [][]schema.Column{{{Name: "v", Type: typ}}},
	}
}

// encode returns the values of the one feature in the rows that a record becomes, and the
// error of the encoder.
func encode(t *testing.T, typ schema.Type, values ...any) ([]any, error) {
	t.Helper()
	rec := recordOf(typ, nil, values...)
	view := viewOf(typ)
	var got []any
	_, err := record.NewEncoder(view).Encode(rec, func(_ int, _ []byte, _ int64, stored []byte) error {
		v, err := row.NewLayout(view.Layouts[0]).Value(stored, 0)
		got = append(got, v)
		return err
	})
	return got, err
}

func TestVectorsAreEncoded(t *testing.T) {
	f := func(typ schema.Type, values ...any) {
		t.Helper()
		got, err := encode(t, typ, values...)
		if diff := cmp.Diff(values, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", typ, err, diff)
		}
	}
	f(schema.Vector(schema.Float32, 2), []any{float32(1), float32(2)}, nil, []any{float32(3), float32(4)})
	f(schema.Vector(schema.Float64, 1), []any{1.5}, []any{-1.5})
	f(schema.Vector(schema.Int32, 3), nil, []any{int32(1), int32(2), int32(3)})
	f(schema.Vector(schema.Int64, 1), []any{int64(7)})
}

// TestAVectorOfAnotherLengthIsABug: the source has checked it.
func TestAVectorOfAnotherLengthIsABug(t *testing.T) {
	_, err := encode(t, schema.Vector(schema.Float32, 2), []any{float32(1), float32(2)}, []any{float32(1)})
	want := `feature view "view": feature "v": row 1: the length is 1; vector<float32, 2> has length 2`
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}
