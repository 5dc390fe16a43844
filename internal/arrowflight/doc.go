// Package arrowflight writes record batches to Arrow Flight streams, in messages that
// gRPC accepts: a batch that is too large is sent in parts. Both ends of a training
// set use it.
package arrowflight
