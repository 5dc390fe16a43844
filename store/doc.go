// Package store defines the types that every online store shares, and what each store
// promises. store/online is the store that Larder embeds. Any other store must pass
// store/storetest, which tests these promises:
//
//   - The newest row of a key wins, in any order of arrival: the largest
//     event time, which may be before 1970, then, where the source has one, the
//     largest ingest time, then the row that arrived last. So a correction
//     replaces its row, a late row replaces nothing, and writing rows once more is
//     harmless. A tombstone is a row like any other.
//   - A read never returns an older row of a key after a newer one, nor one older than
//     what was flushed before, while rows are written too.
//   - Rows are visible once [Writer.Flush] or [Writer.Commit] has returned, and stay
//     so after the store is opened again.
//   - [Writer.Commit] makes rows and a position durable in one step: a crash
//     leaves both or neither. Its comment has the promise for more than [CommitRows]
//     rows.
//   - A view that is dropped has no rows, no watermark and no count.
//
// Consumers declare the interface that they need: serving reads rows, materialize
// writes them and reads watermarks.
package store
