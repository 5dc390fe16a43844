package integration_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	larderv1 "larder/api/larder/v1"
	"larder/internal/pgtest"
)

const widthsYAML = `
entities: [{name: shop, join_keys: [{name: shop_id, type: int32}]}]
sources: [{name: w, table: w, timestamp_field: event_time, on_bad_row: skip, max_bad_share: %s}]
feature_views: [{name: w, entities: [shop], source: w, features: [{name: narrow, type: int32}, {name: wide, type: int64}]}]
feature_services: [{name: w, features: ["w:*"]}]
`

// TestIntegerWidths: an integer of another width is converted if it fits. If it doesn't,
// a request is refused, and a source row counts as bad.
func TestIntegerWidths(t *testing.T) {
	db := pgtest.New(t)
	conn, err := pgx.Connect(t.Context(), db.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), `
		CREATE TABLE w (shop_id int2, event_time timestamptz DEFAULT '2026-01-05', narrow int8, wide int4);
		INSERT INTO w (shop_id, narrow, wide) VALUES (1, 5, 6), (2, 2147483647, -2147483648), (3, 2147483648, 0), (-4, -2147483648, 1)`); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, db.DSN)
	s.apply(definitionsFolder(t, strings.ReplaceAll(widthsYAML, "%s", "0.25")))
	runs, err := s.materialize(t.Context(), &larderv1.MaterializeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if r := runs[0]; r.GetState() != larderv1.Run_STATE_SUCCEEDED || r.GetRowsWritten() != 3 || r.GetRowsBad() != 1 || r.GetBad()[0].GetReason() != "out_of_range" {
		t.Errorf("the run: %v", r)
	}
	ask := func(shops *larderv1.Column) (*larderv1.GetFeaturesResponse, error) {
		return s.serving.GetFeatures(context.Background(), &larderv1.GetFeaturesRequest{
			What: &larderv1.GetFeaturesRequest_FeatureService{FeatureService: "w"}, Entities: []*larderv1.Column{shops},
		})
	}
	wide := int64Column("shop_id", 1, 2, 3, -4)
	narrow := &larderv1.Column{Name: "shop_id", Values: &larderv1.Column_Int32S{Int32S: &larderv1.Int32S{Values: []int32{1, 2, 3, -4}}}}
	for _, shops := range []*larderv1.Column{wide, narrow} {
		answer, err := ask(shops)
		if err != nil {
			t.Fatal(err)
		}
		n, w := answer.GetFeatures()[0].GetInt32S().GetValues(), answer.GetFeatures()[1].GetInt64S().GetValues()
		for i, want := range [][2]int64{{5, 6}, {math.MaxInt32, math.MinInt32}, {}, {math.MinInt32, 1}} {
			if i == 2 {
				if st := answer.GetFeatures()[0].GetStatuses()[i]; st != larderv1.Status_STATUS_NOT_FOUND {
					t.Errorf("row %d, which does not fit: %s", i, st)
				}
				continue
			}
			if int64(n[i]) != want[0] || w[i] != want[1] {
				t.Errorf("row %d: %d and %d, want %v", i, n[i], w[i], want)
			}
		}
	}
	_, err = ask(int64Column("shop_id", 1<<32+1)) // it would be 1 if it were cut to 32 bits
	if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "4294967297") || !strings.Contains(err.Error(), "int32") {
		t.Errorf("a key that does not fit: %v", err)
	}

	// One bad row of four is a share above 0.2, so the run fails.
	s.apply(definitionsFolder(t, strings.ReplaceAll(widthsYAML, "%s", "0.2")))
	runs, err = s.materialize(t.Context(), &larderv1.MaterializeRequest{Full: true})
	if err != nil || runs[0].GetState() != larderv1.Run_STATE_FAILED || !strings.Contains(runs[0].GetError(), "max_bad_share") {
		t.Errorf("a run with too many bad rows: %v %v", runs, err)
	}
}
