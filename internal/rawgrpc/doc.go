// Package rawgrpc speaks gRPC by hand, frame by frame of HTTP/2, for tests of what a
// server does with callers who stop half way: headers without a message, a message
// without its end, a stream without a word. A client library can't stop there.
package rawgrpc
