// Package feast answers clients of Feast, the feature store: the HTTP API of its Python
// server, and the gRPC APIs feast.serving.ServingService (its Go and Java servers) and
// GrpcFeatureServer (its Python server). Clients need no change.
//
// It only reads Feast's requests into a [serving.Ask] and writes the answer as Feast does:
// join keys first, features under VIEW__FEATURE or FEATURE alone, an event time for
// each value. Rows that are written go to package rows.
//
// # Where the answers differ
//
// A stored null is NULL_VALUE, and a row older than its view's TTL is OUTSIDE_MAX_AGE and
// has no value. Feast says PRESENT for both and gives the value of the second. With
// [Options.FeastStatuses] this package does the same. Features come in the order that they
// were asked for; Feast's order is any. docs/feast.md has all differences.
package feast
