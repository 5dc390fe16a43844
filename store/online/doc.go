// Package online keeps the newest row of every entity and view in a folder of
// its own, in Badger, and answers requests from it.
//
// # Promises
//
// It promises what package store does, and more:
//
//   - What was flushed or committed survives a kill and a power cut. Watermarks
//     stand beside the rows that they describe, so a lost folder forgets both and
//     is filled again.
//   - Reads go on while rows are written, views are dropped, a snapshot is saved
//     or the disk is full. A write that fails all the same stops the store, and
//     what was flushed is there when it is opened again.
//   - A folder that is damaged, half written, in use, or made by another
//     program is refused in words that name the remedy.
//
// # The folder
//
//	FORMAT   "larder online store, format 1"
//	LOCK     locked while a process has the store open; holds its process id
//	SEAL     written by Close, removed by Open: the sizes of Badger's files,
//	         which tells damage from a crash
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
// Badger answers a read with the largest version of a key, wherever older ones
// still lie, so no order of arrival can bring an older row back. Entries of the
// same key and version are another matter: Badger's compaction of level 0 into
// itself forgets which of them came last. A row that replaces one of the same
// event time therefore takes the next version up, is marked in the entry's user
// meta byte, and carries its event time behind its bytes:
//
//	user meta 0   value = row
//	user meta 1   value = row | event time, 8 bytes, big-endian
//
// This needs the version that is stored, so a write reads first. The reads
// also tell late rows and rows that are stored already from new ones, and
// neither is written again.
//
// The store's own entries have keys that start with a zero byte, which no row's
// key does:
//
//	00 'v' view id (4 bytes)   format 1 | flags | watermark | catalog version | newest event time | rows
//	00 'n'                     length of the note (2 bytes) | note
package online
