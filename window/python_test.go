package window_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"time"

	"larder/window"
)

// python runs a program that reads JSON and prints a line for each answer.
func python(t *testing.T, program string, input any) []string {
	t.Helper()
	raw, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "python3", "-c", program)
	cmd.Stdin = strings.NewReader(string(raw))
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

const exactPython = `
import json, math, statistics, struct, sys
from fractions import Fraction

def bits(f):
    return struct.unpack("<Q", struct.pack("<d", f))[0]

def rounded(x):
    try:
        return float(x)
    except OverflowError:
        return math.inf if x > 0 else -math.inf

for raw in json.load(sys.stdin):
    xs = [struct.unpack("<d", struct.pack("<Q", int(x)))[0] for x in raw]
    n, total = len(xs), sum(map(Fraction, xs))
    try:
        plain = math.fsum(xs)
    except OverflowError:
        plain = rounded(total)
    variance = (sum(Fraction(x) ** 2 for x in xs) - total * total / n) / (n - 1)
    try:
        root = statistics._float_sqrt_of_frac(variance.numerator, variance.denominator)
    except OverflowError:
        root = math.inf
    print(bits(plain), bits(rounded(total / n)), bits(rounded(variance)), bits(root))
`

// Python's fsum, Fraction and the square root of its statistics module, which each round
// once, have the same bits.
func TestTrap03PythonHasTheSameBits(t *testing.T) {
	p := compile(t, window.Spec{
		Fields:     []window.FieldType{window.Float},
		Windows:    []window.Window{{Lifetime: true}},
		Aggregates: []window.Aggregate{{Op: window.Sum}, {Op: window.Mean}, {Op: window.Variance}, {Op: window.Stddev}},
		Outputs:    []window.Output{{0, 0}, {1, 0}, {2, 0}, {3, 0}},
	})
	r := rand.New(rand.NewPCG(3, 3))
	var lists [][]string
	var ours []string
	for i := range 2000 {
		s := p.NewState()
		var list []string
		n := 2 + r.IntN(60)
		if i%2 == 0 {
			n = 4
		}
		for j := range n {
			x := randomFloat(r, i%3)
			if n == 4 { // half way between two floats, and next to it
				x = []float64{1, 0x1p-53, math.Ldexp(1, -54-r.IntN(1000)), float64(r.IntN(3) - 1)}[j]
			}
			list = append(list, fmt.Sprint(math.Float64bits(x)))
			s.Fold(&window.Event{Time: int64(j), ID: "a", Values: []window.Value{window.OfFloat(x)}})
		}
		lists = append(lists, list)
		a, _ := answer(t, s, 100, 4)
		var text []string
		for _, v := range a.Values {
			text = append(text, fmt.Sprint(math.Float64bits(v.Float())))
		}
		ours = append(ours, strings.Join(text, " "))
	}
	for i, line := range python(t, exactPython, lists) {
		if line != ours[i] {
			t.Errorf("list %d: %s; Python has %s", i, ours[i], line)
		}
	}
}

const zonesPython = `
import json, sys
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

for zone, unit, micros in json.load(sys.stdin):
    tz = ZoneInfo(zone)
    at = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(microseconds=micros)
    day = at.astimezone(tz).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if unit == "week":
        day = day - timedelta(days=day.weekday())
    elif unit == "month":
        day = day.replace(day=1)
    elif unit == "year":
        day = day.replace(month=1, day=1)
    start = day.astimezone(timezone.utc) - datetime(1970, 1, 1, tzinfo=timezone.utc)
    print(start // timedelta(microseconds=1))
`

// Units begin where Python's zoneinfo says, where the clocks move too.
func TestTrap12PythonHasTheSameDays(t *testing.T) {
	type question struct {
		zone string
		unit window.Unit
		at   int64
	}
	var questions []question
	var input [][]any
	r := rand.New(rand.NewPCG(4, 4))
	for range 2000 {
		q := question{
			[]string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "Asia/Kathmandu", "Pacific/Auckland"}[r.IntN(6)],
			window.Unit(int(window.Day) + r.IntN(4)), 0,
		}
		at := time.Date(1975+r.IntN(100), time.Month(1+r.IntN(12)), 1+r.IntN(31), r.IntN(24), r.IntN(60), 0, 0, time.UTC)
		if r.IntN(2) == 0 { // near a change of the clocks
			if _, until := at.In(zone(q.zone)).ZoneBounds(); !until.IsZero() {
				at = until.Add(time.Duration(r.IntN(60)-30) * time.Hour)
			}
		}
		q.at = at.UnixMicro()
		questions = append(questions, q)
		input = append(input, []any{q.zone, q.unit.String(), q.at})
	}
	for i, line := range python(t, zonesPython, input) {
		q := questions[i]
		var start int64
		if _, err := fmt.Sscan(line, &start); err != nil {
			t.Fatal(err)
		}
		p := compile(t, window.Spec{
			Windows:    []window.Window{{Calendar: q.unit, Location: zone(q.zone)}, {Calendar: q.unit, Location: zone(q.zone), Previous: true}},
			Aggregates: []window.Aggregate{{Op: window.CountAll}},
			Outputs:    []window.Output{{0, 0}, {0, 1}},
		})
		s := p.NewState()
		s.Fold(&window.Event{Time: start})
		s.Fold(&window.Event{Time: start - 1})
		s.Fold(&window.Event{Time: start - 2})
		a, found := answer(t, s, q.at, 2)
		if !found || a.Values[0].Int() != 1 || a.Values[1].Int() != 2 {
			t.Errorf("%v: start %d: %v %v", q, start, found, a.Values)
		}
	}
}
