// Package arrowfile reads and writes tables in files: Parquet, Arrow IPC and
// CSV, by the file's ending.
//
//	.parquet .pq            Parquet, compressed with zstd when written
//	.arrow .feather .ipc    the Arrow IPC file format (Feather 2)
//	.arrows                 the Arrow IPC stream format
//	.csv                    CSV with a header (RFC 4180, UTF-8)
//
// It promises that a file that is written appears whole or not at all, and that
// tables are read and written batch by batch, in memory that doesn't grow with
// them. It refuses other endings.
//
// A file is read whole or refused: what it says of itself in two places must agree,
// every length and offset must be within what it is of before a value is read, and
// sizes are checked against the file before memory is taken for them. An Arrow stream
// needs its end-of-stream marker, since one that was cut between two batches looks
// whole otherwise. Parquet has checksums, which package parquetfile verifies; Arrow and
// CSV have none, so a changed value in them may go unnoticed, but not a missing row.
//
// # CSV
//
// A column with a given type has its values as JSON has them, without the quotes that
// JSON puts around texts, times, bytes and NaN: 7, 1e9, true, 2026-01-31T10:00:00Z,
// [1,2]. Every other column is text and is not changed: 007, 1E5 and ids of 20 digits
// stay what they are. A field of no characters is null, and "" is an empty text; in a
// column that isn't text both are null. A byte order mark is skipped.
package arrowfile
