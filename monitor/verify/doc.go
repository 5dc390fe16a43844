// Package verify shows that what is served is what a training set would have: it
// reads keys both ways and compares the answers.
//
// The one way is that of serving: the online store, and package vector. The
// other is that of training: package training, from Postgres. Both answer for
// the same keys at the same times, and values are compared bit for bit, statuses
// and ages too. So a fault of either path is a difference.
//
// # At which time
//
// A row of the store is compared at the view's watermark, up to when everything
// is in the store, or at the time at which it became visible where that is later.
// What became visible in the source after the watermark, less the source's
// lateness, is not due yet: a key whose answer differs by that alone is stale,
// which is no fault. A key that differs is looked at again before it is called a
// fault, so that a run that goes on meanwhile raises no alarm.
//
// # What it tells
//
//	equal       the same answer
//	mismatched  both have an answer, and not the same
//	missing     the source has a row that was due, and the store none
//	extra       the store has a row of which the source has none
//	stale       the store has what was due, and the source something newer
//
// Memory is bounded: keys are read in blocks.
package verify
