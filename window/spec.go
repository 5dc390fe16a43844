package window

import (
	"fmt"
	"time"
)

// A Spec says what is aggregated.
type Spec struct {
	Fields     []FieldType
	Windows    []Window
	Aggregates []Aggregate
	Outputs    []Output // in the order of answers
}

// A Window is a span of time that ends at the time of the question. Exactly one of
// Length, Lifetime and Calendar is set.
type Window struct {
	Length   int64 // microseconds
	Hop      int64 // microseconds that the left edge moves at a time; 0 means DefaultHop; divides Length
	Lifetime bool  // all events

	Calendar Unit           // from the unit's start
	Location *time.Location // of Calendar; nil means UTC
	Previous bool           // of Calendar: the last whole unit instead
}

// A Unit is a unit of a calendar.
type Unit uint8

// The units.
const (
	NoUnit Unit = iota
	Hour
	Day
	Week // from Monday
	Month
	Year
)

func (u Unit) String() string {
	if u > Year {
		return "unknown unit"
	}
	return [...]string{"no unit", "hour", "day", "week", "month", "year"}[u]
}

// An Op is a way to aggregate.
type Op uint8

// The aggregates. All but CountAll skip nulls.
const (
	CountAll   Op = iota // events; reads no field
	Count                // events with a value
	Sum                  // Int or Float, exact, rounded once
	Mean                 // exact, rounded once; null without values
	Variance             // of a sample, as var_samp of SQL: null for fewer than two values
	Stddev               // of a sample, as stddev_samp of SQL
	Min                  // NaN is ignored; -0 is below +0
	Max                  //
	First                // by time, then id
	Last                 //
	LastN                // the newest N, newest first
	Distinct             // different values: exact up to 128, then estimated
	Percentile           // by nearest rank, of logarithmic buckets
	TopK                 // the N most frequent values
	DecayedSum           // each value halves every HalfLife
	SinceLast            // seconds since the last event with a value; field AnyField: since the last event
)

// AnyField is the field of a SinceLast that looks at all events.
const AnyField = -1

func (o Op) String() string {
	if o > SinceLast {
		return "unknown aggregate"
	}
	return [...]string{
		"count(*)", "count", "sum", "mean", "variance", "stddev", "min", "max", "first", "last", "last_n",
		"distinct", "percentile", "top_k", "decayed_sum", "since_last",
	}[o]
}

// An Aggregate is one aggregate of one field.
type Aggregate struct {
	Op       Op
	Field    int        // of Spec.Fields
	N        int        // of LastN and TopK, at most MaxN
	At       float64    // of Percentile, above 0 and below 1; read to nine decimals
	Range    [2]float64 // of Percentile: the least and greatest magnitude told apart; zeros mean 1e-9 and 1e12
	HalfLife int64      // of DecayedSum, microseconds
}

// An Output is one aggregate over one window.
type Output struct{ Aggregate, Window int }

// A Type is the type of an output.
type Type struct {
	Field FieldType
	List  bool
}

func (t Type) String() string {
	if t.List {
		return fmt.Sprintf("list of %s", t.Field)
	}
	return t.Field.String()
}

// Limits.
const (
	MaxWindows  = 64
	MaxOutputs  = 1024
	MaxFields   = 1024
	MaxN        = 256    // of LastN and TopK
	MaxTiles    = 10_000 // of one window
	MaxText     = 128    // bytes that First, Last, LastN and TopK keep; longer texts count as null there
	MaxPending  = 32     // entries that are kept raw
	MaxLength   = 100 * 366 * 24 * 3600 * 1_000_000
	maxHalves   = 32  // half-lives of a window
	maxDistinct = 128 // hashes before registers
	maxTop      = 256 // values of a tile of TopK
	maxID       = 128 // bytes of an id; see shortID
	maxEvents   = 1 << 40
)

const second = 1_000_000

var defaultHops = [...]int64{
	24 * 3600 * second, 6 * 3600 * second, 3600 * second, 15 * 60 * second, 5 * 60 * second, 60 * second, 15 * second, 5 * second, second,
}

// DefaultHop returns the hop of a window that names none: the largest of 1s, 5s, 15s,
// 1m, 5m, 15m, 1h, 6h and 1d that divides length and is at most a 24th of it, else 1s
// if that divides length, else 0.
func DefaultHop(length int64) int64 {
	for _, h := range defaultHops {
		if length%h == 0 && h <= length/24 {
			return h
		}
	}
	if length > 0 && length%second == 0 {
		return second
	}
	return 0
}
