// Package arrowfile reads and writes tables in files: Parquet, Arrow IPC and
// CSV, by the file's ending.
//
//	.parquet .pq            Parquet, compressed with zstd when written
//	.arrow .feather .ipc    the Arrow IPC file format (Feather 2)
//	.arrows                 the Arrow IPC stream format
//	.csv                    CSV with a header; an empty field is null
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
// CSV has no types. A reader uses the given types. For other columns it finds the
// narrowest type for all their values: int64, float64, bool (true and false), else
// text. Times need a zone.
package arrowfile
