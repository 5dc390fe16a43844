package arrowflight_test

import (
	"errors"
	"io"
	"math"
	"testing"

	flightv1 "github.com/apache/arrow-go/v18/arrow/flight/gen/flight"
	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"larder/internal/arrowflight"
)

// sent is a stream that takes messages until it fails.
type sent struct{ err error }

func (s sent) Send(*flightv1.FlightData) error { return s.err }

// lists returns a record whose lists of two numbers lack those of the last rows.
func lists(t *testing.T, rows, numbers int) arrow.Record {
	t.Helper()
	b := array.NewInt8Builder(memory.DefaultAllocator)
	b.AppendValues(make([]int8, numbers), nil)
	elements := b.NewArray()
	data := array.NewData(arrow.FixedSizeListOf(2, arrow.PrimitiveTypes.Int8), rows, []*memory.Buffer{nil}, []arrow.ArrayData{elements.Data()}, 0, 0)
	columns := arrow.NewSchema([]arrow.Field{{Name: "x", Type: data.DataType()}}, nil)
	return array.NewRecord(columns, []arrow.Array{array.MakeFromData(data)}, int64(rows))
}

// TestErrorsOfTheStreamAreToldFromOthers: a sender must end the stream itself when what
// it sends can't be encoded.
func TestErrorsOfTheStreamAreToldFromOthers(t *testing.T) {
	broken, whole := lists(t, 3, 2), lists(t, 3, 6)
	out := arrowflight.NewWriter(sent{}, broken.Schema(), math.MaxInt)
	if err := out.WriteBatch(broken); err == nil || out.Ended() {
		t.Errorf("a batch that contradicts itself: %v, ended: %t", err, out.Ended())
	}
	if err := out.WriteBatch(whole); err != nil || out.Ended() {
		t.Errorf("a batch: %v, ended: %t", err, out.Ended())
	}
	out = arrowflight.NewWriter(sent{io.EOF}, whole.Schema(), math.MaxInt)
	if err := out.WriteBatch(whole); !errors.Is(err, io.EOF) || !out.Ended() {
		t.Errorf("a stream that ended: %v, ended: %t", err, out.Ended())
	}
}
