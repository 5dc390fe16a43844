// Package python reads the source of a small function of Feast's on-demand views, and
// writes what it computes as expressions of Larder.
//
// It reads text and runs nothing. Of Python it knows functions that consist of
// assignments and a return: arithmetic, comparisons, logic, conditional expressions,
// fillna, astype, abs and np.where over columns in mode pandas, and over the elements of
// columns in mode python. Whatever else is an error that names the line.
//
// # What an expression means
//
// An expression gives what Feast answers wherever Feast answers: pandas turns a null into
// NaN, which Feast's servers answer as null, so arithmetic with a null is null, and so is
// 0 / 0; a comparison with a null is false, and != is true. testdata/answers.json has what
// Feast answers. Python fails for a null where pandas doesn't; [Draft.Fails] says when.
package python
