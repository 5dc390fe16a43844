// Package stream brings events into the logs of streams, and from the logs into the
// online store.
//
// A [Runner] does it for all streams of the catalog. For each it runs
//
//   - a writer, which reads the stream's source while this process holds the lease, and
//     appends what it reads to the log (writer.go, intake.go);
//   - a feed, which follows the log and keeps its newest batches (feed.go);
//   - a tail for each view of the stream, which brings the batches into the online store
//     (tail.go): aggregate views as states, feature views as rows.
//
// Pushed events go through [Runner.Push], on any server.
//
// It promises that
//
//   - an event counts once: what a crash, a lost lease or a broker repeats changes nothing;
//   - nothing is lost: a source is told that a message was taken after the commit that has
//     it, and positions are in that commit;
//   - only what is in the log is served, so a training set can see it;
//   - while Postgres is away, requests go on with what is in the store; events wait in the
//     source, and at most [maxWaiting] bytes of them here.
package stream
