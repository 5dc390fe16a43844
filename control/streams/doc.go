// Package streams is what callers can do with streams, over gRPC and HTTP: push events,
// see how streams do, pause and resume them, look at dead letters and retry them.
//
// It stands beside package serving and not in it, because it reaches Postgres: a push
// that waits for Postgres holds up no request for features.
package streams
