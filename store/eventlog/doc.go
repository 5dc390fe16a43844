// Package eventlog keeps the events of streams in Postgres: the log of record, which
// serving, training sets and verify all read.
//
// # Batches
//
// Events are appended in batches. A batch has a number, seq, and a stamp, at. One
// transaction commits the events with the offsets of their source, the dead letters and
// the key of a push, so that a crash leaves all or nothing. It holds the stream's row in
// larder.streams from before its stamp is taken until the commit; so batches become
// visible in the order of their numbers, and stamps rise with them.
//
// # The table
//
// The log of a stream is a table with a column for each field, and Larder's own:
//
//	larder_seq      bigint       the number of the batch
//	larder_at       timestamptz  the stamp of the batch
//	larder_sign     smallint     1: an event; -1: an event that no longer counts
//	larder_id       text         the event's id
//	larder_deleted  boolean      in a row with sign -1: no correction follows it
//
// A retraction repeats the whole row of the event with sign -1, and a correction is a
// retraction and an event in one batch. So whoever reads the log needs no look-ups. In
// one batch rows of sign -1 come first, and an id has at most one row of each sign.
//
// # Ids
//
// An event whose id is in the log already, among the events of the last dedup_for, is a
// duplicate, or a correction where the stream says so. This also holds for an id that was
// retracted, unless duplicates are corrections: otherwise a message that a broker delivers
// once more would bring back what was retracted. An event that is retracted in the
// addition that it comes in is in the log too then, and its retraction in the next batch.
//
// # Writers
//
// One process at a time reads the source of a stream: it holds a lease in larder.streams
// and renews it. Whoever takes over raises the epoch, and a batch of an older epoch is not
// committed. Pushes need no lease.
package eventlog
