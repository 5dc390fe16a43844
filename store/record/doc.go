// Package record turns record batches of a view, as a source gives them, into the keys
// and rows that the online store keeps. Materialization and training sets both use it,
// so there is only one conversion.
//
// The columns of a record are, in this order: the join keys, the event time, the
// ingest time (null where the row or the source has none), deleted (bool), and the
// features, each in the one Arrow type of its declared type; a vector as a list, of its
// length wherever it is not null. A record with other columns is a bug in its producer,
// and gives an error of kind Internal.
//
// A [Counter] counts what a view expects of the rows: how many there are, how new, and
// which values are null or not allowed.
//
// It refuses rows and keys that are too large to be stored, and returns them as
// bad rows.
package record
