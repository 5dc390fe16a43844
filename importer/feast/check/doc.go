// Package check compares what Feast and Larder answer for the same definitions: for keys,
// from both servers; for a spine, in both training sets. It explains each difference.
//
// Values are compared as Larder's types: floats bit for bit, and times in whole seconds,
// which is all that Feast's answers have of them. A stored null is null in both; that only
// Larder's status says so is counted apart.
package check
