package serving_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	larderv1 "larder/api/larder/v1"
	"larder/column"
	"larder/internal/grpcserver"
	"larder/schema"
	"larder/serving"
)

// TestSwapUnderLoad publishes catalogs that serve the two versions of a model in
// turns, as fast as it can, while requests run: none fails, and none mixes two
// catalogs.
func TestSwapUnderLoad(t *testing.T) {
	s := stocked(t)
	s.listen(grpcserver.Options{})
	const swaps, callers = 100, 4
	// Catalog n serves version 1 when n is odd.
	served := func(catalog int64) int64 { return 2 - catalog%2 }
	var done atomic.Bool
	var answers atomic.Int64
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for !done.Load() {
				got, err := s.client.GetFeaturesAndScore(context.Background(), risk())
				if err != nil {
					t.Errorf("a request failed: %v", err)
					return
				}
				version := served(got.GetCatalogVersion())
				if got.GetModelVersion() != version || !slices.Equal(got.GetScores(), riskScores(version)) {
					t.Errorf("catalog %d, model version %d, scores %v: they don't belong together", got.GetCatalogVersion(), got.GetModelVersion(), got.GetScores())
					return
				}
				answers.Add(1)
			}
		})
	}
	for n := int64(2); n <= swaps; n++ {
		defs := s.definitions()
		defs.Models[0].Serve = served(n)
		s.publish(s.compile(n, defs))
	}
	done.Store(true)
	group.Wait()
	if answers.Load() == 0 {
		t.Error("no request was answered")
	}
}

// TestARequestEndsOnItsCatalog: what holds a generation is served by it and its models,
// however many catalogs came after it; then its models go.
func TestARequestEndsOnItsCatalog(t *testing.T) {
	s := stocked(t)
	old := s.server.Hold()
	retired, err := old.Catalog().ModelPlan("risk", 1)
	s.check(err)
	for n := int64(2); n <= 4; n++ {
		defs := s.definitions()
		defs.Models[0].Versions = defs.Models[0].Versions[1:]
		defs.Models[0].Serve = 2
		s.publish(s.compile(n, defs))
	}
	ask := &serving.Ask{At: at(noon)}
	s.check(old.ForModel(ask, "risk", 0))
	ask.Keys.Add("customer_id", column.Column{Type: schema.Int64, Int64s: []int64{1, 2, 3}})
	ask.Keys.Add("terminal_id", column.Column{Type: schema.String, Strings: []string{"a", "b", "b"}})
	ask.Request.Add("amount", column.Column{Type: schema.Float64, Float64s: []float64{10, 20, 30}})
	got, err := old.Serve(t.Context(), ask)
	s.check(err)
	if version := got.Plan().Catalog.Version; version != 1 || !slices.Equal(got.Scores, riskScores(1)) {
		t.Errorf("catalog %d answered %v", version, got.Scores)
	}
	got.Release()
	if m, _ := s.server.Model(retired); m != nil {
		t.Error("the catalog that serves has a version that was retired")
	}
	old.Release() // or the test would wait for its models forever
	newest, err := s.server.GetFeaturesAndScore(t.Context(), risk())
	s.check(err)
	if newest.GetCatalogVersion() != 4 || !slices.Equal(newest.GetScores(), riskScores(2)) {
		t.Errorf("catalog %d answered %v", newest.GetCatalogVersion(), newest.GetScores())
	}
}

// TestManyListsOfFeatures asks for more lists than are kept, and for one of them
// all along.
func TestManyListsOfFeatures(t *testing.T) {
	s := stocked(t)
	ask := func(refs ...string) *larderv1.GetFeaturesResponse {
		t.Helper()
		got, err := s.server.GetFeatures(t.Context(), &larderv1.GetFeaturesRequest{
			What:     &larderv1.GetFeaturesRequest_Features{Features: &larderv1.FeatureList{References: refs}},
			Entities: columns(int64s("customer_id", 1)), At: at(noon),
		})
		s.check(err)
		return got
	}
	all := []string{"spend:count", "spend:mean", "profile:name", "profile:tags", "profile:photo", "profile:since"}
	for range 6 * 5 * 4 * 3 * 2 { // permutations, whose first four are 360 lists
		if got := ask("spend:mean"); len(got.GetFeatures()) != 1 || got.GetFeatures()[0].GetName() != "spend:mean" {
			t.Fatalf("got %v", got)
		}
		got := ask(all[:4]...)
		for i, f := range got.GetFeatures() {
			if f.GetName() != all[i] {
				t.Fatalf("feature %d of %v is %s", i, all[:4], f.GetName())
			}
		}
		permute(all)
	}
}

// permute makes the next permutation in the order of the alphabet.
func permute(s []string) {
	i := len(s) - 2
	for i >= 0 && s[i] > s[i+1] {
		i--
	}
	if i < 0 {
		slices.Reverse(s)
		return
	}
	j := len(s) - 1
	for s[j] < s[i] {
		j--
	}
	s[i], s[j] = s[j], s[i]
	slices.Reverse(s[i+1:])
}
