// Package cdc reads the changes of a table of Postgres as a source of a stream, by logical
// replication. It is the door of pglogrepl.
//
// The first open makes the publication and the slot larder_STREAM, and reads the rows that
// are there: the snapshot that comes with the slot is exactly the rows before it. Then
// come the changes. If the first read breaks off before its end is in the log, the slot is
// dropped, and the next open begins again.
//
// A row is a JSON object with the names of the columns:
//
//	boolean                    true, false
//	integers, numeric, floats  a number as Postgres writes it; "NaN", "Infinity", "-Infinity"
//	timestamp with time zone   "2026-01-31T12:00:00.500000Z"
//	timestamp                  "2026-01-31T12:00:00.500000", without an offset
//	bytea                      base64
//	json, jsonb                the value
//	anything else              the text that Postgres writes
//
// Domains are as their base types. An insert and an update are a message; a delete is one
// with Deleted and the whole old row. An update that changes the column of event_id is a
// delete of the old row and a message of the new one. An update keeps the id of its row, so
// streams of tables whose rows change want `on_duplicate: replace`.
//
// It promises:
//
//   - Every committed change comes, in the order of the commits. A position is the end of a
//     commit in the write-ahead log; a transaction may take many batches, and only the last
//     has a position.
//   - The slot is confirmed up to what Acknowledge was told, and no further, also while
//     nobody fetches. While the table doesn't change, positions without messages follow the
//     log, so that Postgres can drop it.
//   - Loss is told: a slot that is gone, was invalidated, or was confirmed past the position;
//     another table of the same name, another cluster; TRUNCATE, which doesn't say which
//     rows it takes. Where losses are accepted, a slot that is gone is made again and all
//     rows are read again, but nothing tells which were deleted meanwhile.
//
// It refuses a table without REPLICA IDENTITY FULL (updates would come without large values
// that they didn't change, deletes without the row), partitioned tables and views,
// a Postgres without wal_level = logical, a publication that leaves out changes, and rows
// of more than 64 MiB.
//
// Memory: one row as Postgres sends it, and two batches of at most 5,000 messages and, but
// for one large row, 4 MiB.
package cdc
