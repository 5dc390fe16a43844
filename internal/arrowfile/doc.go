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
// CSV has no types. A reader uses the given types. For other columns it finds the
// narrowest type for all their values: int64, float64, bool (true and false), else
// text. Times need a zone.
package arrowfile
