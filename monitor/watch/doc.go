// Package watch counts what models are fed and what they answer, while they serve, so that it
// can be compared with what they were trained on.
//
// A [Watcher] gets a share of the scored requests, never waits, and keeps no value: it counts
// each in the bins of a reference. A reference is the profile of the training set that a
// model's version names or, of scores and of versions without one, of the first rows. It is
// made once for all servers. Every ten minutes, at the same times on all of them, what was
// counted is handed over as a window. Windows of the same reference add up: over servers and over
// time, in any order.
//
// # Columns
//
// A part of a reference has columns: of part features the features by name, and status:VIEW, the
// statuses of a view's rows as categories; of part score the column score.
package watch
