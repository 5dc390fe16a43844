package drift_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"larder/monitor/drift"
)

const seed = 1

// run adds windows of a house to a detector and returns the changes of each window.
// The exact shares of an hour are the same every day.
func run(t *testing.T, random *rand.Rand, all []simulated, amplitude float64, windows int, rows float64, copies int64, plant func(*moment)) [][]drift.Change {
	t.Helper()
	features := make([]drift.Feature, len(all))
	for i, s := range all {
		features[i] = drift.Feature{Name: fmt.Sprint(i), Kind: s.kind, Reference: s.reference(random, amplitude)}
	}
	d, err := drift.NewDetector(features, drift.Options{})
	if err != nil {
		t.Fatal(err)
	}
	moments := day(amplitude)
	type shares struct{ values, statuses []float64 }
	exact := make([][]shares, len(moments))
	for h, at := range moments {
		if plant != nil {
			plant(&at)
		}
		for _, s := range all {
			exact[h] = append(exact[h], shares{s.values(at), s.statuses(at)})
		}
	}
	var changes [][]drift.Change
	window := make([]drift.Counts, len(all))
	for w := range windows {
		for i, e := range exact[w%len(exact)] {
			window[i] = drift.Counts{Values: draw(random, e.values, rows, copies), Statuses: draw(random, e.statuses, rows, copies)}
		}
		c, err := d.Add(window)
		if err != nil {
			t.Fatal(err)
		}
		changes = append(changes, c)
	}
	return changes
}

func opened(changes [][]drift.Change) (sum int, which string) {
	for w, window := range changes {
		for _, c := range window {
			if c.State == drift.Opened {
				sum++
				which += fmt.Sprintf("\nwindow %d: %+v", w, c)
			}
		}
	}
	return sum, which
}

// TestNoAlarmWithoutDrift: 500 features for 30 days of hourly windows, of which nothing
// changes but the hour.
func TestNoAlarmWithoutDrift(t *testing.T) {
	f := func(name string, amplitude float64, features, days int, rows float64, copies int64) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, uint64(rows)))
			all := house(random, features, amplitude)
			if n, which := opened(run(t, random, all, amplitude, days*hours, rows, copies, nil)); n > 0 {
				t.Errorf("%d false alarms%s", n, which)
			}
		})
	}
	f("no change", 0, 500, 30, 1000, 1)
	f("day and night", swing, 500, 30, 1000, 1)
	f("small windows", swing, 500, 4, 60, 1)
	f("larger windows", swing, 500, 30, 3000, 1)
	f("large windows", swing, 500, 4, 10_000, 1)
	f("huge windows", swing, 500, 4, 1_000_000, 1)
	f("each row four times", 0, 500, 4, 1000, 4)
}

// TestFindsPlantedDrift: changes are found in two windows of 1,000 rows, each with 500
// features that all change.
func TestFindsPlantedDrift(t *testing.T) {
	f := func(name string, nulls float64, plant func(*moment), within int, feature func(*rand.Rand) simulated) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 2))
			all := make([]simulated, 500)
			for i := range all {
				all[i] = feature(random)
				all[i].nulls = nulls
			}
			changes := run(t, random, all, 0, within+2, 1000, 1, plant)
			n, _ := opened(changes[:within])
			if n < 495 { // 1 % may take longer
				t.Errorf("%d of 500 in %d windows", n, within)
			}
			if all, _ := opened(changes); all < 500 {
				t.Errorf("%d of 500 in %d windows", all, within+2)
			}
		})
	}
	mean := func(at *moment) { at.mean = 0.5 }
	variance := func(at *moment) { at.variance = 2 }
	unit := func(at *moment) { at.unit = 1000 }
	fresh := func(at *moment) { at.fresh = 0.05 }
	nulls := func(at *moment) { at.nulls = 0.1 }
	ofNormal := func(r *rand.Rand) simulated { return normal(r, 0) }
	ofLognormal := func(r *rand.Rand) simulated { return lognormal(r, 0) }
	ofCounts := func(*rand.Rand) simulated { return counts() }
	f("mean of normal", 0, mean, 2, ofNormal)
	f("mean of lognormal", 0, mean, 2, ofLognormal)
	f("mean of counts", 0, mean, 2, ofCounts)
	f("mean of bool", 0, mean, 2, func(*rand.Rand) simulated { return bernoulli(0.3) })
	f("variance of normal", 0, variance, 2, ofNormal)
	f("variance of lognormal", 0, variance, 2, ofLognormal)
	f("variance of counts", 0, variance, 2, ofCounts)
	f("unit of normal", 0, unit, 2, ofNormal)
	f("unit of lognormal", 0, unit, 2, ofLognormal)
	f("unit of counts", 0, unit, 2, ofCounts)
	f("unit of constant", 0, unit, 2, func(*rand.Rand) simulated { return constant() })
	f("new category", 0, fresh, 2, func(*rand.Rand) simulated { return categories(12) })
	f("new category of bool", 0, fresh, 2, func(*rand.Rand) simulated { return bernoulli(0.3) })
	f("nulls from 0", 0, nulls, 2, ofNormal)
	f("nulls from 0.05", 0.05, nulls, 2, ofNormal)
	f("nulls from 0.1", 0.1, nulls, 5, ofNormal)
}

// one returns a detector of a normal feature, and a function that adds a window.
func one(t *testing.T, random *rand.Rand) func(rows float64, at moment) []drift.Change {
	t.Helper()
	s := normal(random, 0)
	d, err := drift.NewDetector([]drift.Feature{{Name: "amount", Reference: s.reference(random, 0)}}, drift.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return func(rows float64, at moment) []drift.Change {
		t.Helper()
		c, err := d.Add([]drift.Counts{{Values: draw(random, s.values(at), rows, 1), Statuses: draw(random, s.statuses(at), rows, 1)}})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
}

// TestAlarmOpensUpdatesAndResolves: the second window opens, and the third calm one
// resolves. Windows that are too small to show the drift, or empty, do neither.
func TestAlarmOpensUpdatesAndResolves(t *testing.T) {
	add := one(t, rand.New(rand.NewPCG(5, 5)))
	moved := moment{variance: 1, unit: 1, mean: 0.6}
	f := func(what string, rows float64, at moment, want string) {
		t.Helper()
		got := ""
		for _, c := range add(rows, at) {
			got += fmt.Sprintf("%s %v %v", c.Feature, c.State, c.Findings[0].Measure)
		}
		if got != want {
			t.Fatalf("%s: %q; want %q", what, got, want)
		}
	}
	f("as ever", 1000, still, "")
	f("one window", 1000, moved, "")
	f("the next is as ever", 1000, still, "")
	f("two of three", 1000, moved, "amount opened location")
	f("still so", 1000, moved, "amount updated location")
	f("calm", 1000, still, "amount updated location")
	f("calm again", 1000, still, "amount updated location")
	f("small windows say nothing", 30, still, "amount updated location")
	f("small windows say nothing", 30, still, "amount updated location")
	f("an empty one neither", 0, still, "")
	f("back", 1000, moved, "amount updated location")
	f("calm", 1000, still, "amount updated location")
	f("calm again", 1000, still, "amount updated location")
	f("and again", 1000, still, "amount resolved location")
	f("one window", 1000, moved, "")
	f("a second", 1000, moved, "amount opened location")
}

// TestAlarmAtTheThresholdStaysOpen: a drift that half of the windows show doesn't open
// and resolve again and again.
func TestAlarmAtTheThresholdStaysOpen(t *testing.T) {
	add := one(t, rand.New(rand.NewPCG(7, 7)))
	shown := map[drift.State]int{}
	for range 500 {
		for _, c := range add(1000, moment{variance: 1, unit: 1, mean: 0.32}) {
			shown[c.State]++
		}
	}
	if shown[drift.Opened] != 1 || shown[drift.Resolved] != 0 || shown[drift.Updated] < 400 {
		t.Errorf("%v", shown)
	}
}

// TestOneOddWindowIsNoAlarm, however odd and however large.
func TestOneOddWindowIsNoAlarm(t *testing.T) {
	add := one(t, rand.New(rand.NewPCG(6, 6)))
	for i := range 30 {
		rows, at := 1000.0, still
		if i%3 == 0 {
			rows, at = 1e6, moment{variance: 1, unit: 1000}
		}
		if c := add(rows, at); len(c) > 0 {
			t.Fatalf("window %d: %+v", i, c)
		}
	}
}

// TestChangesAreByImportance: features of all kinds, the most rows that changed first.
func TestChangesAreByImportance(t *testing.T) {
	d, err := drift.NewDetector([]drift.Feature{
		{Name: "nulls", Reference: drift.Counts{Values: []int64{90_000}, Statuses: []int64{90_000, 10_000}}},
		{Name: "country", Kind: drift.Categories, Reference: drift.Counts{Values: []int64{60_000, 40_000, 0}}},
		{Name: "same", Reference: drift.Counts{Values: []int64{50_000, 50_000}}},
		{Name: "amount", Reference: drift.Counts{Values: []int64{50_000, 50_000}}},
	}, drift.Options{})
	if err != nil {
		t.Fatal(err)
	}
	window := []drift.Counts{
		{Values: []int64{700}, Statuses: []int64{700, 300}},
		{Values: []int64{600, 300, 100}},
		{Values: []int64{500, 500}},
		{Values: []int64{900, 100}},
	}
	if _, err := d.Add(window); err != nil {
		t.Fatal(err)
	}
	changes, err := d.Add(window)
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, c := range changes {
		got += fmt.Sprintf("%s %v %v %d;", c.Feature, c.State, c.Findings[0].Measure, c.Findings[0].Index)
	}
	if want := "amount opened location -1;nulls opened status 0;country opened unseen -1;"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// TestRefusals: options and counts that make no sense, all faults of options at once.
func TestRefusals(t *testing.T) {
	feature := drift.Feature{Name: "a", Reference: drift.Counts{Values: []int64{1, 2}}}
	f := func(want string, opts drift.Options, features ...drift.Feature) {
		t.Helper()
		if _, err := drift.NewDetector(features, opts); err == nil || err.Error() != want {
			t.Errorf("%v; want %s", err, want)
		}
	}
	f("alpha 2 is not between 0 and 1\n4 of 3 windows: write 1 to 32 windows, and no more hits than windows\n"+
		"thresholds of status, -1 and 0.07, are not between 0 and 1", drift.Options{Alpha: 2, Hits: 4, Status: drift.Threshold{Certain: -1}}, feature)
	f(`feature "a" is there twice`, drift.Options{}, feature, feature)
	f(`reference of feature "b": bin 0 has a count of -1`, drift.Options{}, drift.Feature{Name: "b", Reference: drift.Counts{Values: []int64{-1}}})

	d, err := drift.NewDetector([]drift.Feature{feature}, drift.Options{})
	if err != nil {
		t.Fatal(err)
	}
	add := func(want string, window ...drift.Counts) {
		t.Helper()
		if _, err := d.Add(window); err == nil || err.Error() != want {
			t.Errorf("%v; want %s", err, want)
		}
	}
	add("the window has 0 features, but the detector has 1")
	add(`feature "a": the reference has 2 bins, but the window has 3`, drift.Counts{Values: []int64{1, 2, 3}})
	add(`feature "a": window: bin 1 has a count of -3`, drift.Counts{Values: []int64{1, -3}})
}

// TestAlphaBoundsChance: without thresholds, chance opens alarms of three windows that
// share a reference, large or small, no more often than alpha.
func TestAlphaBoundsChance(t *testing.T) {
	const alpha, trials = 0.05, 2000
	none := drift.Threshold{Certain: 1e-9, Size: 1e-9}
	random := rand.New(rand.NewPCG(8, 8))
	f := func(kind drift.Kind, reference float64, rows ...float64) {
		t.Helper()
		values, statuses := categories(5).values(still), []float64{0.9, 0.1}
		n := 0
		for range trials {
			features := []drift.Feature{{Kind: kind, Reference: drift.Counts{Values: draw(random, values, reference, 1), Statuses: draw(random, statuses, reference, 1)}}}
			d, err := drift.NewDetector(features, drift.Options{Alpha: alpha, Shape: none, Spread: none, Status: none, Unseen: none})
			if err != nil {
				t.Fatal(err)
			}
			opened := false
			for _, r := range rows {
				c, err := d.Add([]drift.Counts{{Values: draw(random, values, r, 1), Statuses: draw(random, statuses, r, 1)}})
				if err != nil {
					t.Fatal(err)
				}
				opened = opened || len(c) > 0
			}
			if opened {
				n++
			}
		}
		if float64(n) > alpha*trials {
			t.Errorf("kind %d, reference of %v rows, windows of %v: %d of %d opened", kind, reference, rows, n, trials)
		}
	}
	for _, kind := range []drift.Kind{drift.Numbers, drift.Categories} {
		f(kind, 100_000, 1000, 1000, 1000)
		f(kind, 1000, 1000, 1000, 1000)
		f(kind, 200, 100_000, 100_000, 100_000)
		f(kind, 1000, 100, 10_000, 1000)
	}
}
