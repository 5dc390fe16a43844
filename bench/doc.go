// Package bench measures a server of Larder over loopback gRPC from another
// process, beside a bare gRPC echo of the same message sizes in a process of
// its own.
//
// Both are loaded in turns within one run, a quarter of a second each, since
// machines differ and are shared, and only the ratio of two figures taken under
// the same conditions lasts. Latencies are kept in HDR histograms. With an
// arrival rate, a request's latency counts from the time it was due, not from
// the time it was sent, so that a stall is charged to every request it delayed
// (no coordinated omission).
package bench
