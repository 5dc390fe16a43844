// Package parquetfile reads and writes Parquet files as Arrow records. It keeps
// arrow-go v18, which has the Parquet library, behind the records of arrow v17 that
// the rest of the program uses; records cross without a copy of their values.
//
// It reads every encoding of today's writers, data pages of version 1 and 2, and
// pages that are compressed with snappy, gzip, brotli, zstd, LZ4_RAW or not at all.
//
// It promises that what it returns is the whole of what was asked for:
//
//   - the row groups have as many rows together as the file says, each column has as
//     many values as its row group has rows, and its pages have as many as the column;
//   - pages fill their column to the byte, and sizes are checked against the file
//     before memory is taken for them;
//   - checksums of pages are verified where the file has them, as is the checksum of
//     the footer in files that this package wrote;
//   - anything else is an error that names the row group, the column and its encodings;
//     so is a panic of the library. No other goroutine decodes.
//
// # Files written here
//
// Pages are compressed with zstd and have checksums (CRC-32 in the page's header, as
// the format defines it). The format has no checksum for its footer, so the metadata
// of the file has one under the key larder.footer_crc32: eight hexadecimal digits, the
// CRC-32 of the footer in which these digits are zeros. Chunks have no copy of their
// metadata after them, which readers have not used since 2015.
package parquetfile
