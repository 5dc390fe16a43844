// Package column holds columns of values: what requests, vectors, answers and
// training sets are made of. It is the one place that knows how the values of each
// type lie in memory. column/wire has them as messages, column/arrows as Arrow.
//
// What differs from type to type is an entry of a table here and in each of those
// packages. A new type is one entry in each; a test of each finds the missing ones.
package column
