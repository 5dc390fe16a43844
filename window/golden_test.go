package window_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"larder/window"
)

var update = flag.Bool("update", false, "write testdata anew")

// Histories that never change have states and answers in testdata. Every architecture
// computes them again, and reads them.
func TestTrap14GoldenStates(t *testing.T) {
	for i := range 12 {
		r := rand.New(rand.NewPCG(14, uint64(i)))
		spec := goldenSpec(i)
		log := randomLog(r, 150, calendarFrom.UnixMicro(), calendarFrom.AddDate(0, 1, 0).UnixMicro())
		p := compile(t, spec)
		s := fold(t, r, p, log)
		raw := s.Append(nil)
		path := filepath.Join("testdata", fmt.Sprintf("history-%d.txt", i))
		if text := goldenText(t, s, raw, len(spec.Outputs)); *update {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if want, err := os.ReadFile(path); err != nil {
			t.Fatal(err)
		} else if string(want) != text {
			t.Errorf("%s: computed otherwise; is that meant? then change the format's version", path)
		} else {
			readGolden(t, p, string(want), raw)
		}
	}
}

func readGolden(t *testing.T, p *window.Program, text string, raw []byte) {
	t.Helper()
	first, _, _ := strings.Cut(text, "\n")
	stored, err := hex.DecodeString(first)
	if err != nil {
		t.Fatal(err)
	}
	s := p.NewState()
	if err := s.Decode(stored); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(s.Append(nil), raw) {
		t.Error("read and written again it differs")
	}
}

// goldenSpec has every aggregate over a window, or over lifetime, hour and previous day.
func goldenSpec(i int) window.Spec {
	spec := window.Spec{Fields: fields}
	if i%2 == 0 {
		spec.Windows = []window.Window{{Length: day}, {Length: 2 * day, Hop: hour}}
	} else {
		spec.Windows = []window.Window{
			{Length: hour},
			{Calendar: window.Day, Location: zone("Europe/Berlin"), Previous: true},
			{Calendar: window.Week, Location: zone("Asia/Kolkata")},
			{Length: 30 * day},
		}
	}
	for op := window.CountAll; op <= window.SinceLast; op++ {
		for f := range fields {
			if f > 1 && (op >= window.Sum && op <= window.Max || op == window.Percentile || op == window.DecayedSum) {
				continue
			}
			spec.Aggregates = append(spec.Aggregates, window.Aggregate{Op: op, Field: f, N: 3, At: 0.9, Range: [2]float64{1e-2, 1e6}, HalfLife: 2 * day})
			for w := range spec.Windows {
				spec.Outputs = append(spec.Outputs, window.Output{Aggregate: len(spec.Aggregates) - 1, Window: w})
			}
		}
	}
	return spec
}

// goldenText has the state's bytes, then a line for each answer at some times.
func goldenText(t *testing.T, s *window.State, raw []byte, outputs int) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%x\n", raw)
	for _, age := range []int64{0, 1, hour, day} {
		at := s.Newest() + age
		a, found := answer(t, s, at, outputs)
		fmt.Fprintln(&b, at, found)
		for i, x := range showAnswer(&a) {
			fmt.Fprintln(&b, i, x)
		}
	}
	return b.String()
}
