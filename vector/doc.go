// Package vector turns stored rows and request values into vectors: the values
// of a plan's features for each row of a request. TTL, statuses, defaults,
// overrides and conversion are decided here and nowhere else, so that serving
// and training can't disagree.
//
// A [Program] is compiled once from a [schema.Plan]. A [Batch] is one request's
// worth of vectors: reset it, bind the request's columns, say what is wanted,
// hand each row that is found to Visit, and call Finish. Values go from a row's
// bytes straight to their places; the number of allocations depends on neither
// rows nor features.
//
// # What a row answers at time t
//
//	a tombstone, event time > t, ingest time > t   NOT_FOUND
//	t - event time > TTL                           OUTSIDE_MAX_AGE
//	null, or written before the feature existed    NULL_VALUE
//	else                                           PRESENT
//
// Any status but PRESENT yields the feature's default, or null; or an error when
// the plan's model asks to fail. A value that the request brings, for a feature
// of its own or over a stored one, is PRESENT, and a null of it is NULL_VALUE.
//
// # What a request may send
//
// A join key is of its declared type, or an integer of another width that fits.
// A value is of its declared type, or a number that it holds: integers of
// another width that fit, integers as floats where that is exact, and floats of
// another width, to the nearest and not beyond the range. Whatever else is
// refused with a [schema.Error] of kind Invalid that names the column, the row
// and the type wanted.
//
// # What a model is fed
//
// Bools are 0 and 1, numbers the nearest of the tensor's type, null is NaN in
// tensors of floats. Package scoring refuses models that other tensors would
// feed a null or a number that they can't hold.
//
// A row that can't be read is an error of kind Internal that names its view,
// never a panic. The strings, bytes and lists of one request are bounded by
// [MaxTextBytes].
package vector
