// Package profile describes how the values of a feature, or scores, are distributed: by counts
// in bins that keep no value of a row. The profile of a training set is kept in its manifest,
// and what a model is fed in production is counted in the same bins, so that the two can be
// compared.
//
// Numbers have bins of about equal frequency in the reference, and one below and one above all
// that it had. Bools and strings have a count for each of the most common values and one for all
// others. Counts of several servers and times add up, in any order.
//
// # Format of tallies
//
// A [Tally] is stored as bytes: a version (1), then unsigned varints: the rows, the nulls,
// the values that are not finite, the number of counts, and the counts.
package profile
