// Package window aggregates the events of a key over windows of time that end when they
// are asked about. Serving, training, verify and skew use this one code.
//
// A [Spec] says which fields, windows and aggregates there are; [Compile] makes a
// [Program] of it. A [State] is one key: it folds events, is written as bytes and read
// again, and evaluates its outputs at a time.
//
// # Promises
//
// Every answer, and every byte of a state, is a function of the set of events: of which
// there are and which of them were taken back, whatever their order, batches, restarts and
// replicas, on every architecture. Sums, means and variances are exact and rounded once,
// half to even; a sum of floats has the bits of Python's math.fsum, so that one of nothing
// and one of -0.0 are +0.0.
//
// # Windows
//
// A window of length w and hop h holds at t the events e with
//
//	floor(t, h) - w <= e <= t
//
// where floor goes down before 1970 too. Lifetime holds all e <= t. A calendar unit holds
// those from its start in its zone to t; Previous those of the unit before, whole. A key
// without an event in any of its windows isn't found. A window without events answers 0
// for counts and sums, no items for lists, else null.
//
// # How it works
//
// The 32 newest entries are pending: they are kept raw, so that any t from the newest
// older one, the settled time, is answered to the microsecond. An entry is a time and an
// id that was seen; one that was taken back stays as a ghost, so that what is older than
// the 32 is a function of the set too. Older events are folded into tiles: one tile of
// each level. Windows of one hop share a level; so do those of one calendar unit and zone;
// lifetime is a level of one tile. A level keeps the tiles that a window can still reach
// at the settled time or later, and ignores events that are older.
//
// # Refusals
//
// An event that was folded can't always be taken back: not the minimum, not one of the
// last n, not a value of a set. [State.Fold] says so, and [State.Rebuild] makes the state
// again from the key's events. Decode refuses all that Append doesn't write. A state is of
// one program; see [Program.Fingerprint].
//
// # Bytes
//
// Numbers are varints as in Protobuf, in their shortest form; signed ones (s) in zigzag.
//
//	state:   format=1 | entries:1 | entry... | what follows if there are 32 entries:
//	         0: nothing is folded; or 1 | settled | level...
//	entry:   time(s of the first, then from the one before) | id: length, bytes | 0: a ghost; or 1 | value...
//	value:   one for each field that is read: 0 null, 1 and the value, 2 and the hash of a text, 3 a text
//	settled: how far it is before the first entry
//	level:   tiles | tile...
//	tile:    start(s of the first, then from the one before, in hops or microseconds)
//	         | events | part...
//
// The parts are counts, sums, extremes, first and last items, sets, histograms and tops,
// each kind in the order in which outputs name them:
//
//	count:     events without the value
//	sum:       2*digits + (1 if not all are finite) | place of the lowest | digits:4, little-endian... | highest(s)
//	           | if not all are finite: +Inf | -Inf | NaN
//	extreme:   events without a number | NaN | least | how often | if not all: greatest | how often
//	items:     texts too long | items | item: time from the one before or the tile's start | id | value
//	set:       hashes | hash:8...; or 129 | registers:768
//	histogram: NaN | shift | buckets | bucket: key(s of the first, then from the one before) | numbers
//	top:       texts too long | values | value | how often...; or 257
//
// A bool is one byte, an int a signed varint, a float 8 bytes, a text its length and bytes.
package window
