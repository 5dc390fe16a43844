// Package drift compares two distributions that are given as counts, and says when a
// difference is an alarm. It knows nothing of where the counts come from.
//
// A Pair is a reference, such as a training set, and a window of what is served,
// counted in the same bins. Bins of numbers have upper edges: bin i holds the values v
// with edges[i-1] < v <= edges[i], so there is one bin more than edges. A value that
// many rows share, a 0 or a constant, needs an edge just below it and one at it, or a
// move within its bin goes unseen. Categories have a bin for each known value and a last
// one for all others. Counts merge over servers and time in any order.
//
// It promises that
//
//   - no measure is NaN or infinite, whatever the counts; a comparison with an empty
//     sample is 0;
//   - PSI, JensenShannon, KolmogorovSmirnov, TotalVariation, Wasserstein's distance and
//     ChiSquare are the same with both samples exchanged, and 0 for equal shares;
//   - a Detector's state follows from its windows alone.
//
// It refuses to raise alarms by p-values. With many rows every difference is
// significant, with many windows some are by chance, and day and night differ.
//
// # The rule
//
// A window shows a change when a measure less all that chance explains is above a
// threshold, Certain, and the measure itself is above another, Size. The first decides
// for small windows, the second for large ones. A change in two of three windows opens
// an alarm. Three windows in a row below half the thresholds end it, not counting those
// that are too small to have shown it.
//
// What chance explains is the sum of two radii with proofs for any number of rows: that
// of the reference, which is drawn once, and that of the window. They are Massart's for
// Location and Spread (on numbers), Weissman's for Shares (of k categories), and
// Chernoff's for single shares: Category, Unseen, Status. Options.Alpha is divided by the
// number of features, and then by that of the measures of a feature. Half goes to the
// reference, with a union over the bins, and half to the windows: as two of three have to
// agree, each may be wrong with chance sqrt(alpha/3). That makes radii for 1,000 rows
// shorter by a quarter than those at alpha. The bound for windows holds where they are
// independent, and rows within them too. Where they are not, the thresholds protect:
// TestNoAlarmWithoutDrift repeats each row four times.
//
// All measures of the Detector are shares of rows, and none is larger than the total
// variation of its feature. So Certain compares features of all kinds: it is a lower
// bound of the share of rows that would have to change to undo the drift.
//
// # What it finds
//
// Of 500 features, two windows of 1,000 rows show a mean that moved by 0.5 standard
// deviations, a variance that doubled, a new category of 5 %, 10 points more nulls where
// there were up to 5 %, and a unit that changed by 1,000 (TestFindsPlantedDrift).
// KolmogorovSmirnov alone can't find the variance: that moves 8 % of the rows past an
// edge, and 17 % out of a central range, which is why there is Spread. 10 points more
// nulls take up to five windows where there were 10 %, and many where there were 30 %:
// with 1,000 rows they look like day and night. A new category stays hidden where the
// last bin, of all other values, is large already.
//
// A swing of day and night of 0.15 standard deviations moves 6 % of the rows of a normal
// feature, whatever the number of rows. Options.Shape.Size lets it pass, and nothing is
// compared with the same hour of earlier weeks. Four weeks of such windows of 1,000 rows
// are a reference of 4,000 rows, whose radius is 0.06: as much as the swing itself.
package drift
