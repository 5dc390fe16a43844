package featurelog_test

import (
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"larder/monitor/featurelog"
)

// A field is a column of a test's record: its name, type, and JSON of its values.
type field struct {
	name   string
	typ    arrow.DataType
	values string
}

func record(t *testing.T, fields ...field) arrow.Record {
	t.Helper()
	var columns []arrow.Array
	var types []arrow.Field
	for _, f := range fields {
		c, _, err := array.FromJSON(memory.DefaultAllocator, f.typ, strings.NewReader(f.values), array.WithUseNumber())
		if err != nil {
			t.Fatal(err)
		}
		columns, types = append(columns, c), append(types, arrow.Field{Name: f.name, Type: f.typ, Nullable: true})
	}
	return array.NewRecord(arrow.NewSchema(types, nil), columns, int64(columns[0].Len()))
}

// ids are the columns of a log of five rows.
var ids = []field{
	{"log:request_id", arrow.BinaryTypes.String, `["7", "7", "8", "12345678901234567", "9"]`},
	{"log:row", arrow.PrimitiveTypes.Int32, `[0, 1, 0, 0, 0]`},
	{"log:overridden", arrow.ListOf(arrow.BinaryTypes.String), `[[], [], [], [], ["v:n", "v:sent"]]`},
}

// TestSkew: differences, missing and extra values are distinguished, and a value that
// the request brought is not compared. The rebuilt value is rounded as serving does.
func TestSkew(t *testing.T) {
	rec := record(t, append(ids,
		field{"vector:v:n", arrow.PrimitiveTypes.Float32, `[1, 4, null, 3, 0]`},
		field{"vector:v:third", arrow.PrimitiveTypes.Float32, `[0.33333334, 0.1, 0.5, -1, 2]`},
		field{"vector:v:big", arrow.PrimitiveTypes.Float32, `[16777216, 1, 0, 0, 1152921642045800448]`},
		field{"vector:v:name", arrow.BinaryTypes.String, `["a", "b", "", "d", "e"]`},
		field{"vector:v:since", arrow.PrimitiveTypes.Int64, `[1, 2, 3, 4, 5]`},
		field{"v__n", arrow.PrimitiveTypes.Float64, `[1, 2, 5, null, 77]`},
		field{"v__third", arrow.PrimitiveTypes.Float64, `[0.3333333333333333, 0.1, 0.5, -1, 2]`},
		field{"v__big", arrow.PrimitiveTypes.Int64, `[16777217, 1, 0, 0, 1152921573326323713]`}, // which two roundings would take to another float32
		field{"v__name", arrow.BinaryTypes.String, `["a", "b", "", "D", "e"]`},
		field{"v__since", &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, `[1, 2, 3, 4, 6]`},
	)...)
	var s featurelog.Skew
	if err := s.Add(rec); err != nil {
		t.Fatal(err)
	}
	want := []*featurelog.FeatureSkew{
		{Feature: "v:n", Rows: 4, Sent: 1, Equal: 1, Differ: 1, Missing: 1, Extra: 1, MeanAbsolute: 1, MeanRelative: 1. / 3},
		{Feature: "v:third", Rows: 5, Equal: 5},
		{Feature: "v:big", Rows: 5, Equal: 5},
		{Feature: "v:name", Rows: 5, Equal: 4, Differ: 1},
		{Feature: "v:since", Rows: 5, Equal: 4, Differ: 1, MeanAbsolute: 0.2, MeanRelative: 1 / 5.5 / 5},
	}
	if diff := cmp.Diff(want, s.Features, cmpopts.IgnoreUnexported(featurelog.FeatureSkew{}), cmpopts.EquateApprox(1e-12, 0)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	differences := []featurelog.Difference{
		{Feature: "v:n", RequestID: "7", Row: 1, Logged: "4", Rebuilt: "2"},
		{Feature: "v:n", RequestID: "8", Logged: "(null)", Rebuilt: "5"},
		{Feature: "v:n", RequestID: "12345678901234567", Logged: "3", Rebuilt: "(null)"},
		{Feature: "v:name", RequestID: "12345678901234567", Logged: "d", Rebuilt: "D"},
		{Feature: "v:since", RequestID: "9", Logged: "5", Rebuilt: "1970-01-01 00:00:00.000006Z"},
	}
	if diff := cmp.Diff(differences, s.Differences); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
	if got := s.Features[0].Share(); got != 0.75 {
		t.Errorf("the share that is skewed is %v", got)
	}
}

// TestSkewOfNaN: NaN of any bits is what a null is fed as, and infinities have no
// difference that counts.
func TestSkewOfNaN(t *testing.T) {
	odd := math.Float32frombits(0x7fc00001)
	inf := float32(math.Inf(1))
	logged := array.NewFloat32Builder(memory.DefaultAllocator)
	logged.AppendValues([]float32{odd, odd, inf, inf, 0}, nil)
	rebuilt := array.NewFloat32Builder(memory.DefaultAllocator)
	rebuilt.AppendValues([]float32{0, float32(math.NaN()), inf, 1, float32(math.Copysign(0, -1))}, []bool{false, true, true, true, true})
	base := record(t, ids...)
	columns := append(base.Columns(), logged.NewArray(), rebuilt.NewArray())
	fields := append(base.Schema().Fields(), arrow.Field{Name: "vector:v:x", Type: arrow.PrimitiveTypes.Float32}, arrow.Field{Name: "v__x", Type: arrow.PrimitiveTypes.Float32, Nullable: true})
	var s featurelog.Skew
	if err := s.Add(array.NewRecord(arrow.NewSchema(fields, nil), columns, 5)); err != nil {
		t.Fatal(err)
	}
	want := []*featurelog.FeatureSkew{{Feature: "v:x", Rows: 5, Equal: 3, Differ: 2}}
	if diff := cmp.Diff(want, s.Features, cmpopts.IgnoreUnexported(featurelog.FeatureSkew{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSkewRefuses(t *testing.T) {
	f := func(want string, fields ...field) {
		t.Helper()
		var s featurelog.Skew
		if err := s.Add(record(t, fields...)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	number := field{"vector:v:a", arrow.PrimitiveTypes.Float32, `[1, 2, 3, 4, 5]`}
	f("use a file of a feature log as the spine", number)
	f("the log has v:a, and the feature service of its definitions does not", append(ids, number)...)
	f("feature v:a: the log has type float32, and the training set has utf8", append(ids, number, field{"v__a", arrow.BinaryTypes.String, `["", "", "", "", ""]`})...)
}

// TestAFeatureThatTheLogLacks: a feature of the service without a column in the log is
// told, and not left out.
func TestAFeatureThatTheLogLacks(t *testing.T) {
	rec := record(t, append(ids,
		field{"vector:v:n", arrow.PrimitiveTypes.Float32, `[1, 1, 1, 1, 1]`},
		field{"v__n", arrow.PrimitiveTypes.Float64, `[1, 1, 1, 1, 1]`},
		field{"v__other", arrow.PrimitiveTypes.Float64, `[1, 1, 1, 1, 1]`},
	)...)
	var s featurelog.Skew
	if err := s.Add(rec); err != nil {
		t.Fatal(err)
	}
	want := []*featurelog.FeatureSkew{{Feature: "v:n", Rows: 4, Sent: 1, Equal: 4}, {Feature: "v:other", Unlogged: 5}}
	if diff := cmp.Diff(want, s.Features, cmpopts.IgnoreUnexported(featurelog.FeatureSkew{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
