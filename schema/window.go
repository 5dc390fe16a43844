package schema

import "time"

// A Window says which rows of a view's source a materialization reads, and so what the
// online store then holds. Times are microseconds since 1970 UTC.
//
// A row becomes visible at the later of its event time and its ingest time. An
// incremental window takes the rows that became visible in (From - lateness,
// To]; the lateness is the source's. A full window, and an incremental one from
// the beginning of time, takes all rows that are visible at To. A range takes the
// rows with an event time in [From, To] that are visible at Now. It doesn't move the
// watermark, and it includes rows that arrived late. Rows with a time in the future are
// never read; a later window takes them.
//
// A row without an event time is bad. A full window reads it. An incremental window
// reads it if its ingest time is new. A range never reads it.
type Window struct {
	Mode Mode
	From int64 // BeginningOfTime for a full window, or a first incremental one
	To   int64
	Now  int64 // the clock when the window was opened
}

// A Mode is how a window was chosen.
type Mode string

// The modes.
const (
	Full        Mode = "full"        // all there is, up to To
	Range       Mode = "range"       // event times from From to To
	Incremental Mode = "incremental" // since the watermark
)

// Event times are limited to the years that every format between Postgres and the
// online store can hold: 4713 BC to 9999.
const (
	BeginningOfTime = -210_866_803_200_000_000 // 4714-11-24 BC, where Postgres begins
	EndOfTime       = 253_402_300_799_999_999  // 9999-12-31T23:59:59.999999Z
)

// NoIngestTime is the ingest time of a row without one. It is before all others.
const NoIngestTime = -1 << 63

// DefaultIngestLateness is the lateness of a source that has an ingest time but declares
// no lateness: how long the transaction that writes a row may take to commit.
const DefaultIngestLateness = Duration(time.Minute)

// LatenessMicros returns how far behind the watermark an incremental window reads
// again, in microseconds.
func (s *Source) LatenessMicros() int64 {
	switch {
	case s.Lateness != nil:
		return s.Lateness.Micros()
	case s.CreatedTimestampColumn != "":
		return DefaultIngestLateness.Micros()
	}
	return 0
}

// BadShare returns the share of a run's rows that may be bad: 0 when any bad
// row fails the run.
func (s *Source) BadShare() float64 {
	switch {
	case s.OnBadRow == FailBadRow:
		return 0
	case s.MaxBadShare != nil:
		return *s.MaxBadShare
	}
	return defaultMaxBadShare
}

// A BadRow is a source row that can't be stored.
type BadRow struct {
	Reason BadReason
	Sample string // the key, the column and its value, as text; at most 200 bytes
}

// A BadReason says why a row can't be stored. Runs count bad rows by it.
type BadReason string

// The reasons.
const (
	NullKey    BadReason = "null_key"          // a join key is null
	NullTime   BadReason = "null_event_time"   // the event time is null
	TimeRange  BadReason = "time_out_of_range" // infinity, or past EndOfTime
	OutOfRange BadReason = "out_of_range"      // a number that its feature's type can't hold
	NotANumber BadReason = "not_a_number"      // NaN or infinity where the type has none
	TooLarge   BadReason = "too_large"         // a value over MaxValueBytes, or a key over 32 KiB
	BadText    BadReason = "bad_text"          // text that can't be read as its feature's type
	NullInList BadReason = "null_element"      // a null inside a list
	BadShape   BadReason = "bad_shape"         // an array of more than one dimension
	BadLength  BadReason = "bad_length"        // a vector of another length than its type's
)
