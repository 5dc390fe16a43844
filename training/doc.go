// Package training builds training sets: for each row of a spine, the vector that
// serving would have returned at the row's own time.
//
// It promises that
//
//   - a value is what the online store would have served, bit for bit, had it
//     been materialized up to the row's time: rows are read by the decoders of
//     store/offline and encoded by store/record, as materialization does,
//     and package vector decides visibility, TTL, defaults and conversion, as it
//     does in serving;
//   - the set has one row per spine row, in the spine's order, duplicates
//     included; the spine's columns come first and unchanged, whatever their
//     type, then one column per feature, named VIEW__FEATURE;
//   - all views and all rows are read at one moment of the database;
//   - memory is bounded for a spine of any length: it is read in blocks
//     of at most 512Ki rows or 64 MiB, and a set is given out in batches of at
//     most 8192 rows and 64 MiB of strings and lists, no faster than they are
//     consumed;
//   - a set whose context ends leaves no query behind.
//
// # Who wins
//
// At time t a row competes when event time <= t and, unless the request says as_of:
// event_time, ingest time <= t; a row without an ingest time always counts as arrived.
// The largest event time wins, then the largest ingest time. Only the winner counts:
// if it is a tombstone there is no value, and if it is older than the TTL the value is
// OUTSIDE_MAX_AGE. Older rows are never used instead. Rows that materialization would
// skip as bad do not compete. Two rows of a key that are equal in both times have no
// defined order; a source should not have such rows.
//
// # Two ways to the history
//
// A view is looked up row by row, newest first, through an index on its join keys and
// event time; or its whole history is read once per block and matched in memory. The
// second way is faster when there is no index, or when the block needs a large part of
// the history: see plan.go for the figures. Both give the same result.
//
// # What it refuses
//
// It refuses spines that lack a join key, the event time or a request value, or have
// them in types that don't convert; event times without a zone; null keys and null
// event times, by row. Except for the last two, it refuses them before any work.
package training
