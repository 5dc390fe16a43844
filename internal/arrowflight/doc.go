// Package arrowflight reads and writes record batches on Arrow Flight streams, in
// messages that gRPC accepts: a batch that is too large is sent in parts. Both ends
// of a training set use it.
//
// The messages are those of arrow-go v18, and the batches are arrow v17's. A program
// can have the messages of only one version, and v18's Parquet library has its own.
package arrowflight
