package window_test

import (
	"strings"
	"testing"
	"time"

	"larder/window"
)

func TestCompileNamesWhatIsWrong(t *testing.T) {
	f := func(want string, change func(*window.Spec)) {
		t.Helper()
		spec := window.Spec{
			Fields:     []window.FieldType{window.Float, window.Text},
			Windows:    []window.Window{{Length: hour}},
			Aggregates: []window.Aggregate{{Op: window.Sum}},
			Outputs:    []window.Output{{}},
		}
		change(&spec)
		if _, err := window.Compile(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	f("0 windows; have 1 to 64", func(s *window.Spec) { s.Windows, s.Outputs = nil, nil })
	f("65 windows", func(s *window.Spec) { s.Windows = make([]window.Window, 65) })
	f("1025 outputs", func(s *window.Spec) { s.Outputs = make([]window.Output, 1025) })
	f("field 0: unknown type 9", func(s *window.Spec) { s.Fields[0] = 9 })
	f("window 0: set one of length, lifetime and calendar", func(s *window.Spec) { s.Windows[0].Lifetime = true })
	f("length 1.5s has no default hop", func(s *window.Spec) { s.Windows[0].Length = 1500 * 1000 })
	f("hop 7m0s doesn't divide length 1h0m0s", func(s *window.Spec) { s.Windows[0].Hop = 7 * minute })
	f("into 3600000 tiles; have at most 10000", func(s *window.Spec) { s.Windows[0].Hop = 1000 })
	f("at most 100 years", func(s *window.Spec) { s.Windows[0].Length = window.MaxLength + day })
	f("a hop is for a length", func(s *window.Spec) { s.Windows[0] = window.Window{Lifetime: true, Hop: 1} })
	f("previous and location are for calendar units", func(s *window.Spec) { s.Windows[0].Previous = true })
	f("unknown unit 9", func(s *window.Spec) { s.Windows[0] = window.Window{Calendar: 9} })
	f("aggregate 0: sum: field 1 is text; it takes int and float", func(s *window.Spec) { s.Aggregates[0].Field = 1 })
	f("aggregate 0: sum: no field 2", func(s *window.Spec) { s.Aggregates[0].Field = 2 })
	f("aggregate 0: sum: no field -1", func(s *window.Spec) { s.Aggregates[0].Field = window.AnyField })
	f("unknown aggregate 99", func(s *window.Spec) { s.Aggregates[0].Op = 99 })
	f("last_n: n is 257; have 1 to 256", func(s *window.Spec) { s.Aggregates[0] = window.Aggregate{Op: window.LastN, N: 257} })
	f("percentile: at is 1;", func(s *window.Spec) { s.Aggregates[0] = window.Aggregate{Op: window.Percentile, At: 1} })
	f("range is 5 to 5;", func(s *window.Spec) {
		s.Aggregates[0] = window.Aggregate{Op: window.Percentile, At: 0.5, Range: [2]float64{5, 5}}
	})
	f("half-life 0s", func(s *window.Spec) { s.Aggregates[0] = window.Aggregate{Op: window.DecayedSum} })
	f("longer than 32 half-lives", func(s *window.Spec) { s.Aggregates[0] = window.Aggregate{Op: window.DecayedSum, HalfLife: hour/32 - 1} })
	f("no aggregate 1", func(s *window.Spec) { s.Outputs[0].Aggregate = 1 })
	f("no window -1", func(s *window.Spec) { s.Outputs[0].Window = -1 })
}

func TestDefaultHop(t *testing.T) {
	f := func(length, want int64) {
		t.Helper()
		if got := window.DefaultHop(length); got != want {
			t.Errorf("hop of %d is %d, want %d", length, got, want)
		}
	}
	f(10*minute, 15*second)
	f(hour, minute)
	f(day, hour)
	f(30*day, day)
	f(7*day, 6*hour)
	f(10*second, second)
	f(24*second, second)
	f(61*second, second)
	f(second/2, 0)
	f(second+1, 0)
	f(0, 0)
	f(-hour, 0)
}

func TestOutputTypes(t *testing.T) {
	spec := window.Spec{Fields: []window.FieldType{window.Int, window.Text}, Windows: []window.Window{{Length: hour}}}
	for _, a := range []window.Aggregate{
		{Op: window.Sum},
		{Op: window.Mean},
		{Op: window.Max},
		{Op: window.Last, Field: 1},
		{Op: window.TopK, Field: 1, N: 3},
		{Op: window.Distinct, Field: 1},
		{Op: window.SinceLast, Field: window.AnyField},
		{Op: window.CountAll, Field: 99},
	} {
		spec.Outputs = append(spec.Outputs, window.Output{Aggregate: len(spec.Aggregates)})
		spec.Aggregates = append(spec.Aggregates, a)
	}
	p := compile(t, spec)
	for i, want := range []string{"int", "float", "int", "text", "list of text", "int", "float", "int"} {
		if got := p.OutputType(i).String(); got != want {
			t.Errorf("%s is %s, want %s", spec.Aggregates[i].Op, got, want)
		}
	}
}

func TestFingerprintsDifferWhereStatesDo(t *testing.T) {
	day := func(loc *time.Location) window.Window { return window.Window{Calendar: window.Day, Location: loc} }
	// Two zones of one name and different rules: as if the time zone database had changed.
	was, is := time.FixedZone("Some/Where", 3600), time.FixedZone("Some/Where", 7200)
	f := func(differ bool, a, b window.Window, x, y window.Op) {
		t.Helper()
		of := func(w window.Window, op window.Op) string {
			return compile(t, window.Spec{
				Fields: []window.FieldType{window.Float}, Windows: []window.Window{w},
				Aggregates: []window.Aggregate{{Op: op, At: 0.5}}, Outputs: []window.Output{{}},
			}).Fingerprint()
		}
		if (of(a, x) != of(b, y)) != differ {
			t.Errorf("%v %v and %v %v: differ %v, want %v", a, x, b, y, !differ, differ)
		}
	}
	hourly := window.Window{Length: hour}
	f(false, hourly, window.Window{Length: hour, Hop: minute}, window.Sum, window.Sum)
	f(true, hourly, window.Window{Length: hour, Hop: 5 * minute}, window.Sum, window.Sum)
	f(true, hourly, window.Window{Length: 2 * hour, Hop: minute}, window.Sum, window.Sum)
	f(false, hourly, hourly, window.Min, window.Max)
	f(true, hourly, hourly, window.Sum, window.Max)
	f(true, day(was), day(is), window.Sum, window.Sum)
	f(true, day(zone("Europe/Berlin")), day(zone("Europe/Paris")), window.Sum, window.Sum)
}

// The largest state is within the bound, and the bound near it.
func TestWorstBytes(t *testing.T) {
	spec := window.Spec{
		Fields:     []window.FieldType{window.Text, window.Float},
		Windows:    []window.Window{{Length: hour, Hop: 15 * minute}},
		Aggregates: []window.Aggregate{{Op: window.LastN, N: 40}, {Op: window.TopK, N: 1}, {Op: window.Distinct}, {Op: window.Variance, Field: 1}, {Op: window.Max, Field: 1}},
		Outputs:    []window.Output{{0, 0}, {1, 0}, {2, 0}, {3, 0}, {4, 0}},
	}
	p := compile(t, spec)
	s := p.NewState()
	for i := range 5 * 256 {
		id := strings.Repeat("i", 120) + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676))
		x := 1.5e308
		if i%2 == 1 {
			x = 5e-324
		}
		s.Fold(&window.Event{Time: int64(i) * hour / 1024, ID: id, Values: []window.Value{window.OfText(id), window.OfFloat(x)}})
	}
	size, worst := int64(len(s.Append(nil))), p.WorstBytes()
	if size > worst || size < worst/2 {
		t.Errorf("%d bytes, at worst %d", size, worst)
	}
	if p.Levels() != 1 || p.Tiles(0) != 5 || p.TileBytes(0)*5 > worst {
		t.Errorf("%d levels, %d tiles of %d bytes", p.Levels(), p.Tiles(0), p.TileBytes(0))
	}
}
