// Package experiment says which version of a model is better, and whether chance alone
// could explain the difference. It joins the scores of versions with labels and
// compares them.
//
// It promises that
//
//   - rows of one unit (a value that traffic is split by) are never taken for
//     independent: variances are sums over units;
//   - you may look as often as you like, and stop whenever you like the result: the
//     intervals and p-values of differences stay valid, for large samples;
//   - a row counts once, no matter how often it was logged, with its newest label.
//
// It refuses to report a difference from too few rows, or between versions that were
// not assigned at random.
//
// # Estimates
//
// Each metric is a figure and, for each row, a pull: the influence of the row on the
// figure (Hampel, "The influence curve and its role in robust estimation", JASA 69,
// 1974) divided by the number of rows. Pulls sum to 0, and the sum of the squares of
// the pulls of units estimates the figure's variance. Where each row is its own unit,
// that is s²/n for a mean. For the area under the curve it is the variance of DeLong,
// DeLong and Clarke-Pearson, "Comparing the areas under two or more correlated
// receiver operating characteristic curves", Biometrics 44, 1988; with larger units it
// is that of Obuchowski, "Nonparametric analysis of clustered ROC curve data",
// Biometrics 53, 1997. The pulls of a difference are the differences of the pulls. So
// two versions that scored the same rows, as a shadow does, need no other formula.
//
// # Differences
//
// A difference d of variance v after n units has the confidence sequence
//
//	d ± sqrt(v (1 + 1/(n ρ²)) log((1 + n ρ²)/α²))
//
// and the p-value min(1, sqrt(1 + n ρ²) exp(-n ρ²/(1 + n ρ²) z²/2)), z being d/sqrt(v):
// the mixture sequential probability ratio test, of a normal mixture of variance ρ²
// times the variance of a unit (Robbins, "Statistical methods related to the law of the
// iterated logarithm", Annals of Mathematical Statistics 41, 1970; Johari, Koomen,
// Pekelis and Walsh, "Always valid inference: continuous monitoring of A/B tests",
// Operations Research 70, 2022), with variances estimated as it goes (Waudby-Smith,
// Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic
// confidence sequences", Annals of Statistics 52, 2024). The chance that the sequence
// ever misses the true value is at most α as the units become many. ρ² makes the sequence
// tightest at 10,000 units. This changes how soon a real difference shows, but not how
// often a false one does.
//
// # Few rows that decide
//
// "Many" means units that pull. With 0.5 % of true rows, a version of 5 % of the units
// seems better, and sure of it, until its first true rows arrive. Two rules prevent this.
//
// A variance is that under the hypothesis of no difference, as in a score test (Rao,
// "Large sample tests of statistical hypotheses concerning several parameters", Proc.
// Cambridge Phil. Soc. 44, 1948): the units of both versions then have one distribution,
// so the variance of a unit is estimated from all of them, around their common mean. A
// version's own variance counts where it is larger. A version whose scores are constant
// or always right has no variance of its own, and still gets a verdict.
//
// No difference is reported below 100 units of either version, for an area below 20 rows
// of either class, and for other metrics below an effective number of 50 units that pull.
// That is n/κ for a version of n units, κ being the kurtosis of the pulls of all units
// around 0, or (Σx²)²/(nΣx⁴) units of n. For a share p of rare rows κ is about 1/p, so n/κ
// is the number of rare rows that the version is expected to have; it does not depend on
// those that it did have. It bounds the error of the normal approximation, as in the
// theorem of Berry and Esseen, and stays small for values whose rare large ones make up
// the mean. TestSoakNoFalseVerdicts simulates what this achieves.
//
// A version that scored NaN for a row with a label gets no verdict: the row would count
// against it if it had a score.
package experiment
