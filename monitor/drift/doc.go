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
// Options.Alpha is divided by the number of features, and then by that of the measures
// of a feature. What chance explains at that level has a proof for any number of rows, if
// windows are independent, and rows within them too. Where they are not, the thresholds
// protect: TestNoAlarmWithoutDrift repeats each row four times.
//
// # Agreeing windows
//
// Massart's radius bounds one window. Here h windows have to agree (2 by default), all
// compared with one reference of m rows. For Location, Spread and Shares, chance then
// explains
//
//	r = sqrt(L/2 (1/(h n) + 1/m))
//
// in a window of n rows, as if it had h times as many: for 1,000 rows and 32 bins that is
// a quarter less than Massart's radii of both samples at alpha. L is
// ln(C sʰ / alpha), C being the number of ways to choose h windows of those looked at,
// and s that of the sets of bins that may deviate: each edge in both directions, or
// 2^k-2 sets of k categories. For one choice of windows and sets, the deviations are
// sums of independent bounded variables. By Hoeffding's lemma the chance that each is
// above its r is at most exp(-e), e being the least value of
//
//	2 m x² + Σ 2 n (r - x)²
//
// over x, what the reference contributes. With x² = t L/(2m), a term of the sum is
// at least L (1-t)/h, whatever n. So e is at least L. Edges at ranks of the reference do
// no harm: shares between ranks have Dirichlet's distribution, which is as narrow
// (Marchal and Arbel, "On the sub-Gaussianity of the Beta and Dirichlet distributions",
// Electronic Communications in Probability 22, 2017).
//
// For single shares (Category, Unseen, Status), Chernoff's bounds are narrower. Half of
// alpha is for those of the reference, half for those of windows, each of which may be
// wrong with chance (alpha/(2C))^(1/h).
//
// # Sizes of features of all kinds
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
// are a reference of 4,000 rows, with which chance explains 0.11 instead of 0.09: a
// real drift would have to be larger to show.
package drift
