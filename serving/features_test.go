package serving_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	larderv1 "larder/api/larder/v1"
	"larder/internal/grpcserver"
	"larder/serving"
)

const (
	present = larderv1.Status_STATUS_PRESENT
	null    = larderv1.Status_STATUS_NULL_VALUE
	missing = larderv1.Status_STATUS_NOT_FOUND
	expired = larderv1.Status_STATUS_OUTSIDE_MAX_AGE
)

// stocked returns a shop with rows: customer 1 is fresh, 2 has a null mean, 3 is
// older than the TTL, 4 was never seen.
func stocked(t testing.TB) *shop {
	t.Helper()
	return stockedWith(t, serving.Options{})
}

func stockedWith(t testing.TB, opts serving.Options) *shop {
	t.Helper()
	s := open(t, opts)
	s.put("spend", noon-minute, []any{int64(1)}, int64(7), 1.5)
	s.put("spend", noon-2*minute, []any{int64(2)}, int64(8), nil)
	s.put("spend", noon-90*minute, []any{int64(3)}, int64(9), 3.5)
	s.put("pair", noon-minute, []any{int64(1), "a"}, int32(11))
	s.put("pair", noon-minute, []any{int64(1), "b"}, int32(12))
	s.put("profile", noon-minute, []any{int64(1)}, "grocer", []string{"x", ""}, []byte{0, 1}, int64(noon), true, float32(0.5))
	s.put("profile", noon-minute, []any{int64(2)}, nil, []string{}, nil, nil, nil, nil)
	return s
}

func TestGetFeatures(t *testing.T) {
	s := stocked(t)
	s.listen(grpcserver.Options{})
	got, err := s.client.GetFeatures(t.Context(), &larderv1.GetFeaturesRequest{
		What:     &larderv1.GetFeaturesRequest_Features{Features: &larderv1.FeatureList{References: []string{"spend:mean", "pair:hits", "spend:count"}}},
		Entities: columns(texts("terminal_id", "b", "a", "a", "a", "b"), int64s("customer_id", 3, 1, 2, 4, 1)),
		At:       at(noon),
	})
	if err != nil {
		t.Fatal(err)
	}
	mean := doubles("spend:mean", 0, 1.5, 0, 0, 1.5)
	mean.Nulls, mean.Statuses = []uint32{0, 2, 3}, []larderv1.Status{expired, present, null, missing, present}
	count := int64s("spend:count", 0, 7, 8, 0, 7)
	count.Statuses = []larderv1.Status{expired, present, present, missing, present}
	want := &larderv1.GetFeaturesResponse{
		Features: columns(
			mean,
			&larderv1.Column{
				Name: "pair:hits", Values: &larderv1.Column_Int32S{Int32S: &larderv1.Int32S{Values: []int32{-1, 11, -1, -1, 12}}},
				Statuses: []larderv1.Status{missing, present, missing, missing, present},
			},
			count,
		),
		Reads: []*larderv1.ViewRead{
			{FeatureView: "spend", Statuses: []larderv1.Status{expired, present, present, missing, present}, Ages: []int64{90 * minute, minute, 2 * minute, 0, minute}},
			{FeatureView: "pair", Statuses: []larderv1.Status{missing, present, missing, missing, present}, Ages: []int64{0, minute, 0, 0, minute}},
		},
		CatalogVersion: 1,
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func TestGetFeaturesOfAllTypesOverHTTP(t *testing.T) {
	s := stocked(t)
	s.listen(grpcserver.Options{})
	status, got := s.post("/v1/features", `{"features": ["profile:*"], "entities": {"customer_id": [1, 2, "4"]}, "at": "2025-06-15T15:06:40Z"}`)
	if status != 200 {
		t.Fatalf("status %d: %s", status, got)
	}
	want := `{"features":[` + strings.Join([]string{
		`{"name":"profile:name","values":["grocer","fuel","fuel"],"statuses":["PRESENT","NULL_VALUE","NOT_FOUND"]}`,
		`{"name":"profile:tags","values":[["x",""],[],null],"statuses":["PRESENT","PRESENT","NOT_FOUND"]}`,
		`{"name":"profile:photo","values":["AAE=",null,null],"statuses":["PRESENT","NULL_VALUE","NOT_FOUND"]}`,
		`{"name":"profile:since","values":["2025-06-15T15:06:40Z",null,null],"statuses":["PRESENT","NULL_VALUE","NOT_FOUND"]}`,
		`{"name":"profile:vip","values":[true,null,null],"statuses":["PRESENT","NULL_VALUE","NOT_FOUND"]}`,
		`{"name":"profile:weight","values":[0.5,null,null],"statuses":["PRESENT","NULL_VALUE","NOT_FOUND"]}`,
	}, ",") + `],"reads":[{"feature_view":"profile","statuses":["PRESENT","PRESENT","NOT_FOUND"],"ages_us":[60000000,60000000,0]}],"catalog_version":1}`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// An answer must stay as it is while later requests use the same memory.
func TestAnswersAreTheirOwn(t *testing.T) {
	s := stocked(t)
	ask := func(id int64) *larderv1.GetFeaturesResponse {
		t.Helper()
		got, err := s.server.GetFeatures(t.Context(), &larderv1.GetFeaturesRequest{
			What:     &larderv1.GetFeaturesRequest_Features{Features: &larderv1.FeatureList{References: []string{"profile:*", "spend:*"}}},
			Entities: columns(int64s("customer_id", id)), At: at(noon),
		})
		s.check(err)
		return got
	}
	first, again := ask(1), ask(1)
	for id := range int64(5) {
		ask(id)
	}
	if diff := cmp.Diff(again, first, protocmp.Transform()); diff != "" {
		t.Errorf("an answer changed afterwards (-want +got):\n%s", diff)
	}
}
