// Package comparison compares the scores of two models for the same rows: how far
// apart they are, whether they rank the rows in the same order, and how many decisions
// change at a threshold. Package experiment says which of the two is better.
//
// It promises that neither the order of the rows nor ties change a figure. It refuses
// nothing. A score that is NaN counts as undefined and is left out of all other
// figures. A figure that the rows don't determine is NaN, such as the rank correlation
// of a model that gives all rows the same score.
package comparison
