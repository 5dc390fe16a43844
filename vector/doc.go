// Package vector turns stored rows and request values into vectors: the values
// of a plan's features for each row of a request. TTL, statuses, defaults,
// overrides and conversion are decided here and nowhere else, so that serving
// and training can't disagree.
//
// A [Program] is compiled once from a [schema.Plan]. A [Batch] is one request's
// worth of vectors: reset it, bind the request's columns, hand each row that is
// found to Visit, and call Finish. Values go from a row's bytes straight to
// their places; the number of allocations doesn't depend on rows times features.
package vector
