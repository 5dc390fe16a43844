// Package online keeps the newest row of every entity and view in its own folder, in
// Badger, and serves reads from it.
//
// # Promises
//
// It keeps the promises of package store, and more:
//
//   - Flushed or committed rows survive a kill and a power cut. Watermarks
//     are stored with the rows that they describe, so a lost folder loses both and
//     is filled again.
//   - Reads continue while rows are written, views are dropped, a snapshot is saved
//     or the disk is full. Any other failed write stops the store, and the flushed
//     rows are there when it is opened again.
//   - A folder that is damaged, half written, in use, or made by another
//     program is refused with an error that names the remedy.
//
// # The folder
//
//	FORMAT   "larder online store, format 1"
//	LOCK     locked while a process has the store open; holds its process id
//	SEAL     written by Close, removed by Open: the sizes of Badger's files,
//	         which distinguishes damage from a crash
//	rows/    Badger's files
//	COMMIT-7 a commit of view 7 that may not be in rows yet, laid out as a
//	         snapshot is; Open writes it there
//
// # Entries
//
// A row's entry has the row's key and bytes as store/row lays them out. Its
// version is its event time, moved so that times before 1970 sort first:
//
//	version = event time in microseconds XOR 1<<63
//
// A read in Badger returns the largest version of a key, no matter where older ones
// still are. So no order of arrival can bring an older row back. For entries of the
// same key and version this does not hold: Badger's compaction of level 0 into itself
// forgets which of them came last. So a row that replaces one of the same event time
// gets the next higher version. It is marked in the entry's user meta byte, and has
// its event time after its bytes:
//
//	user meta 0   value = row
//	user meta 1   value = row | event time, 8 bytes, big-endian
//	user meta 2   no row: Erase was killed while it removed a deleted key
//
// This needs the stored version, so a write reads first. The reads also find late rows
// and rows that are stored already, which are not written again.
//
// The states of an aggregate view are entries too, which a [Folder] writes. Their version
// is the number of the batch of events that changed them last, moved in the same way:
//
//	version = batch XOR 1<<63
//
// So a batch that an entry has seen is recognized, and folding a batch once more after a
// crash changes nothing.
//
// The store's own entries have keys that start with a zero byte. No row's key does:
//
//	00 'v' view id (4 bytes)   format 2 | flags | watermark | catalog version | newest event time | rows | batch | stamp
//	00 'n'                     length of the note (2 bytes) | note
//	00 'r'                     1: a snapshot was loaded, and not checked for forgotten keys yet
//	00 'f'                     number (8 bytes) and id of the last forgotten key that was erased
package online
