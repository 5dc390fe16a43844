// Package arrowflight writes record batches to Arrow Flight streams, in messages
// that gRPC takes: a batch that is too large is sent in parts. Both ends of a
// training set use it.
package arrowflight
