// Package row is the byte layout of keys and rows in the online store. Each has a
// format byte. Every format that was ever written stays readable, and its golden files
// stay in testdata.
//
// # Keys
//
// A key sorts as its values do. Two keys have the same bytes only if all their values
// are the same:
//
//	┌────────┬─────────────┬────────┬────────┬─
//	│ format │ view number │ part 1 │ part 2 │ ...
//	│ 1 byte │ 4 bytes BE  │        │        │
//	└────────┴─────────────┴────────┴────────┴─
//
//	bool              1 byte, 0 or 1
//	int32             4 bytes big endian, sign bit flipped
//	int64, timestamp  8 bytes big endian, sign bit flipped
//	string, bytes     the bytes, each 0x00 as 0x00 0xff; then 0x00 0x01
//
// Parts have no type tag: the view number determines their types. A view gets a new
// number when its key types change.
//
// # Rows
//
// Numbers are little endian. A tombstone is its header alone.
//
//	┌────────┬───────┬────────┬─────────────┬───────┬────────────────┬──────────┐
//	│ format │ flags │ layout │ ingest time │ nulls │ fixed section  │ variable │
//	│   1    │   1   │   2    │      8      │ ⌈n/8⌉ │ layout decides │ section  │
//	└────────┴───────┴────────┴─────────────┴───────┴────────────────┴──────────┘
//
// Bit i of nulls (from the lowest bit of the first byte) is set when column i is
// null. The fixed section holds every column at an offset that the layout fixes:
//
//	bool                     1 byte, 0 or 1
//	int32, float32           4 bytes
//	int64, float64           8 bytes
//	timestamp                8 bytes, microseconds since 1970 UTC
//	vector<T, N>             N elements end to end, 4 or 8 bytes each
//	string, bytes, list<T>   4 bytes where its bytes begin, from the start of the
//	                         row, and 4 bytes how many there are
//
// In the variable section a list of bools, numbers or timestamps is its elements
// end to end; a list of strings or bytes is the number of elements (4 bytes), the
// length of each (4 bytes), and their bytes.
//
// The event time is not in the row: it is the version of the store's entry.
package row
