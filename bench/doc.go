// Package bench measures a Larder server over loopback gRPC from another process,
// beside a bare gRPC echo with the same message sizes in its own process.
//
// Both are loaded in turns within one run, a quarter of a second each. Machines differ
// and are shared, so only the ratio of two figures measured under the same conditions
// is meaningful. Latencies are kept in HDR histograms. With an arrival rate, a
// request's latency counts from the time it was due, not from the time it was sent, so
// that a stall is charged to every request it delayed (no coordinated omission).
package bench
