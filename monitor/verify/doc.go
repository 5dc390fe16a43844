// Package verify checks that served features equal those of a training set. It reads
// keys both ways and compares the answers.
//
// One way is that of serving: the online store and package vector. The other is that
// of training: package training, from Postgres. Both answer for the same keys at the
// same times. Values are compared bit for bit, and so are statuses and ages. So a
// fault in either path is a difference.
//
// # At which time
//
// A row of the store is compared at the view's watermark, the time up to which
// everything is in the store, or at the time at which it became visible if that is
// later. Rows that became visible in the source after the watermark minus the source's
// lateness are not due yet. A key whose answer differs only because of those rows is
// stale, which is not a fault. A key that differs is checked again before it counts as
// a fault, so that a run in progress raises no alarm.
//
// # What it reports
//
//	equal       the same answer
//	mismatched  both have an answer, and the answers differ
//	missing     the source has a row that was due, and the store has none
//	extra       the store has a row, and the source has none
//	stale       the store has what was due, and the source has something newer
//
// Memory is bounded: keys are read in blocks.
package verify
