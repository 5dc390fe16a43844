// Package comparison says how the scores of two models for the same rows compare:
// how far they are apart, whether they rank the rows alike, and how many decisions
// change at a threshold. Which of the two is better, package experiment says.
//
// It promises that neither the order of the rows nor ties change a figure. It
// refuses nothing: a score that is NaN counts as undefined and is left out of all
// other figures, and a figure that the rows don't determine is NaN, such as the rank
// correlation of a model that scores all rows alike.
package comparison
