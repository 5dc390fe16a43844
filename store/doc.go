// Package store has the words that every online store shares, and what each
// promises. store/online is the one that Larder embeds; whatever else is to
// answer requests passes store/storetest, which holds it to this page:
//
//   - The newest row of a key wins, whatever the order of arrival: the largest
//     event time, which may be before 1970, then, where the source has one, the
//     largest ingest time, then the row that arrived last. So a correction
//     replaces its row, a late row replaces nothing, and writing rows once more is
//     harmless. A tombstone is a row like any other.
//   - Nobody reads an older row of a key after a newer one, nor one older than
//     what was flushed before, while rows are written too.
//   - What [Writer.Flush] or [Writer.Commit] returned for is answered from then
//     on, and after the store is opened again.
//   - [Writer.Commit] makes rows and a position durable in one step: a crash
//     leaves both or neither. What is promised of more than [CommitRows] rows is
//     said there.
//   - A view that is dropped has no rows, no watermark and no count.
//
// Consumers declare what they need of a store: serving reads rows, materialize
// writes them and asks for watermarks.
package store
