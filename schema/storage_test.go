package schema_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"larder/schema"
)

// TestStorageReadsOldRows: for every history of definitions, a number in the online
// store always means the same view and key, a column of a layout keeps its name and
// type, and the newest layout is the view's.
func TestStorageReadsOldRows(t *testing.T) {
	types := []schema.Type{schema.Int32, schema.Int64, schema.String}
	draw := rapid.Custom(func(t *rapid.T) *schema.Definitions {
		d := &schema.Definitions{}
		key := rapid.SampledFrom(types).Draw(t, "key")
		d.Entities = []schema.Entity{{Name: "e", JoinKeys: []schema.JoinKey{{Name: "k", Type: key}}}}
		d.Sources = []schema.Source{{Name: "s", Table: "t", TimestampField: rapid.SampledFrom([]string{"at", "at", "at", "since"}).Draw(t, "time")}}
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"u", "v", "w"}), 0, 3, rapid.ID[string]).Draw(t, "views") {
			view := schema.FeatureView{Name: name, Entities: []string{"e"}, Source: "s"}
			for _, f := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c"}), 1, 3, rapid.ID[string]).Draw(t, "features") {
				view.Features = append(view.Features, schema.Feature{Name: f, Type: rapid.SampledFrom([]schema.Type{schema.Int32, schema.Int64, schema.Vector(schema.Int64, 2), schema.Vector(schema.Int64, 3)}).Draw(t, "type")})
			}
			d.FeatureViews = append(d.FeatureViews, view)
		}
		return d
	})
	rapid.Check(t, func(t *rapid.T) {
		var storage schema.Storage
		means := map[uint32]string{}                   // the meaning of each number
		columns := map[uint32]map[string]schema.Type{} // the columns of its rows so far
		layouts := map[string][]schema.Column{}        // by number and index
		until, last := map[uint32]int64{}, []uint32{}  // until when the rows of numbers are kept that no view uses
		clock := int64(1_700_000_000_000_000)
		for range rapid.IntRange(1, 12).Draw(t, "versions") {
			defs := draw.Draw(t, "definitions")
			clock += rapid.Int64Range(1, 2*schema.DefaultKeepOld.Micros()).Draw(t, "later")
			storage = storage.Evolve(defs, clock)
			now := []uint32{}
			for i, v := range storage.Views {
				now = append(now, v.ID)
				if end, retired := until[v.ID]; retired && end <= clock {
					t.Fatalf("number %d is used again although its rows may be gone", v.ID)
				}
				delete(until, v.ID)
				meaning := fmt.Sprint(v.View, defs.Entities[0].JoinKeys[0].Type, defs.Sources[0].TimestampField)
				if means[v.ID] == "" {
					means[v.ID], columns[v.ID] = meaning, map[string]schema.Type{}
				} else if means[v.ID] != meaning {
					t.Fatalf("number %d was %s and is %s", v.ID, means[v.ID], meaning)
				}
				for l, layout := range v.Layouts {
					at := fmt.Sprint(v.ID, "/", l)
					if old, found := layouts[at]; found && !slices.Equal(old, layout) {
						t.Fatalf("layout %s was %v and is %v", at, old, layout)
					}
					layouts[at] = layout
					for _, c := range layout {
						if was, found := columns[v.ID][c.Name]; found && was != c.Type {
							t.Fatalf("rows of number %d hold %s as %s and as %s", v.ID, c.Name, was, c.Type)
						}
						columns[v.ID][c.Name] = c.Type
					}
				}
				newest := v.Layouts[len(v.Layouts)-1]
				for j, f := range defs.FeatureViews[i].Features {
					if len(newest) != len(defs.FeatureViews[i].Features) || newest[j] != (schema.Column{Name: f.Name, Type: f.Type}) {
						t.Fatalf("the newest layout is %v for %v", newest, defs.FeatureViews[i].Features)
					}
				}
			}
			for _, id := range last {
				if !slices.Contains(now, id) {
					until[id] = clock + schema.DefaultKeepOld.Micros()
				}
			}
			last = now
			for _, old := range storage.Retired {
				if until[old.ID] != old.KeepUntil {
					t.Fatalf("number %d is kept until %d, want %d", old.ID, old.KeepUntil, until[old.ID])
				}
			}
		}
	})
}

// TestStorageKeepsRows: harmless changes keep the rows of a view.
func TestStorageKeepsRows(t *testing.T) {
	before := schema.Storage{}.Evolve(read(t, base), 0)
	f := func(layouts int, oldnew ...string) {
		t.Helper()
		after := before.Evolve(read(t, changed(t, oldnew...)), 0)
		if after.Views[0].ID != before.Views[0].ID || len(after.Views[0].Layouts) != layouts {
			t.Errorf("%q: number %d with %d layouts, want %d with %d", oldnew, after.Views[0].ID, len(after.Views[0].Layouts), before.Views[0].ID, layouts)
		}
	}
	f(1, `"30d"`, `"7d"`)
	f(1, `"default": 0`, `"default": 7`)
	f(1, `"table": "daily"`, `"table": "hourly"`)
	f(2, dropMean, "]")
	f(2, `{"name": "mean"`, `{"name": "most", "type": "float64"}, {"name": "mean"`)
	f(2, `{"name": "n", "type": "int64", "default": 0},`, "", `{"name": "mean", "type": "float64"}`, `{"name": "mean", "type": "float64"}, {"name": "n", "type": "int64", "default": 0}`)
}

// TestTooManyLayouts: after too many layouts a view starts from scratch, so that the
// catalog doesn't grow without limit.
func TestTooManyLayouts(t *testing.T) {
	defs := []*schema.Definitions{read(t, base), read(t, changed(t, dropMean, "]"))}
	storage := schema.Storage{}.Evolve(defs[0], 0)
	first := storage.Views[0].ID
	for i := 1; i < schema.MaxLayouts; i++ {
		storage = storage.Evolve(defs[i%2], 0)
	}
	if v := storage.Views[0]; v.ID != first || len(v.Layouts) != schema.MaxLayouts {
		t.Fatalf("number %d with %d layouts", v.ID, len(v.Layouts))
	}
	storage = storage.Evolve(defs[0], 0)
	if v := storage.Views[0]; v.ID == first || len(v.Layouts) != 1 {
		t.Errorf("number %d with %d layouts", v.ID, len(v.Layouts))
	}
}

// TestStorageTakesRowsBack: going back to the definitions before finds their rows while
// they are kept.
func TestStorageTakesRowsBack(t *testing.T) {
	before, after := read(t, base), read(t, changed(t, `"n", "type": "int64"`, `"n", "type": "int32"`))
	first := schema.Storage{}.Evolve(before, 0)
	second := first.Evolve(after, 0)
	f := func(later time.Duration, want uint32, taken int) {
		t.Helper()
		third := second.Evolve(before, later.Microseconds())
		if third.Views[0].ID != want || len(second.TakesBack(third)) != taken {
			t.Errorf("after %s: number %d, want %d; took back %v", later, third.Views[0].ID, want, second.TakesBack(third))
		}
	}
	if first.Views[0].ID == second.Views[0].ID {
		t.Fatal("the change kept the rows")
	}
	f(59*time.Minute, first.Views[0].ID, 1)
	f(time.Hour, second.NextID, 0)
}
