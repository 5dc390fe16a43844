package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	larderv1 "larder/api/larder/v1"
	"larder/schema"
)

func TestJSONTimes(t *testing.T) {
	const at = 1_800_000_000_123_456 // 2027-01-15T08:00:00.123456Z
	f := func(m proto.Message, want ...string) {
		t.Helper()
		var out strings.Builder
		if err := printJSON(&out, m); err != nil {
			t.Fatal(err)
		}
		if !json.Valid([]byte(out.String())) {
			t.Fatalf("no JSON: %s", out.String())
		}
		said := strings.Join(strings.Fields(out.String()), " ")
		for _, w := range want {
			if !strings.Contains(said, w) {
				t.Errorf("no %s in %s", w, said)
			}
		}
	}
	f(&larderv1.GetStatusResponse{
		StartedAt: at, ClockAhead: -1_500_000,
		Views: []*larderv1.ViewStatus{{Watermark: at - 123_456, Freshness: 42, Schedule: 300_000_000, Rows: 7, LastRun: &larderv1.Run{From: schema.BeginningOfTime, To: at}}},
	}, `"started_at": "2027-01-15T08:00:00.123456Z"`, `"clock_ahead": "-1.5s"`, `"watermark": "2027-01-15T08:00:00Z"`, `"freshness": "0.000042s"`,
		`"schedule": "300s"`, `"next_run_at": null`, `"from": null`, `"to": "2027-01-15T08:00:00.123456Z"`, `"rows": "7"`)
	f(&larderv1.GetFeaturesResponse{
		Features: []*larderv1.Column{
			{Name: "seen", Values: &larderv1.Column_Timestamps{Timestamps: &larderv1.Int64S{Values: []int64{at, 0, -1}}}},
			{Name: "count", Values: &larderv1.Column_Int64S{Int64S: &larderv1.Int64S{Values: []int64{at}}}},
			{Name: "all", Values: &larderv1.Column_Lists{Lists: &larderv1.Lists{
				Elements: &larderv1.Column{Values: &larderv1.Column_Timestamps{Timestamps: &larderv1.Int64S{Values: []int64{at}}}}, Ends: []uint32{1},
			}}},
		},
		Reads: []*larderv1.ViewRead{{Ages: []int64{3_600_000_000, 0, 9_000_000_000_000_000_001}}},
	}, `"values": [ "2027-01-15T08:00:00.123456Z", "1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z" ]`, `"values": [ "1800000000123456" ]`,
		`"elements": { "name": "", "nulls": [], "statuses": [], "timestamps": { "values": [ "2027-01-15T08:00:00.123456Z" ] } }`,
		`"ages": [ "3600s", "0s", "9000000000000.000001s" ]`)
	f(&larderv1.GetFeaturesResponse{Features: []*larderv1.Column{{Values: &larderv1.Column_Timestamps{Timestamps: &larderv1.Int64S{Values: []int64{9e17}}}}}},
		`"values": [ "900000000000000000" ]`) // a year that RFC 3339 has no digits for
}

// TestEveryIntegerHasAUnit: a new 64-bit field is a time, a duration, or is named as
// something that is counted.
func TestEveryIntegerHasAUnit(t *testing.T) {
	counted := []string{
		"version", "_version", "versions", "_versions", "reverts_to", "serve", "shadow", "added_in", "control", "size", "_bytes", "count", "rows", "_rows", "rows_",
		"keys", "keys_", "sample", "equal", "different", "differ", "sent", "unlogged", "mismatched", "missing", "extra", "stale", "newer", "labels", "labels_", "units", "undefined", "labelled", "positives", "removed",
		"took_nanos", "values", // of a column; its field says what they are
	}
	known := map[protoreflect.FullName]bool{}
	for _, file := range []protoreflect.FileDescriptor{larderv1.File_larder_v1_control_proto, larderv1.File_larder_v1_serving_proto, larderv1.File_larder_v1_values_proto} {
		for i := range file.Messages().Len() {
			fields := file.Messages().Get(i).Fields()
			for j := range fields.Len() {
				field := fields.Get(j)
				known[field.FullName()] = true
				if field.Kind() != protoreflect.Int64Kind || units[field.FullName()] != 0 {
					continue
				}
				name := string(field.Name())
				if !slices.ContainsFunc(counted, func(c string) bool {
					return name == c || strings.HasPrefix(c, "_") && strings.HasSuffix(name, c) || strings.HasSuffix(c, "_") && strings.HasPrefix(name, c)
				}) {
					t.Errorf("%s: is it a time, a duration or a count? Say so in units or in this test", field.FullName())
				}
			}
		}
	}
	for name := range units {
		if !known[name] {
			t.Errorf("no field %s", name)
		}
	}
}
