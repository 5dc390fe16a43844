// Package experiment says which version of a model is better, and whether chance
// alone would show the difference: it joins what versions scored with what became of
// it, and compares them.
//
// It promises that
//
//   - rows of one unit, which is what traffic is split by, are never taken for
//     independent: variances are sums over units;
//   - one may look as often as one likes, and stop when one likes what one sees: the
//     intervals and p-values of differences are always valid, as large samples go;
//   - a row counts once, however often it was logged, and has the newest of its labels.
//
// It refuses to tell a difference from too few rows, or between versions that nobody
// assigned at random.
//
// # Estimates
//
// Each metric is a figure and, of each row, its pull: its influence on the figure
// (Hampel, "The influence curve and its role in robust estimation", JASA 69, 1974)
// over the number of rows. Pulls sum to 0, and the sum of the squares of the pulls of
// units estimates the figure's variance. Where each row is a unit of its own that is
// s²/n of a mean, and of the area under the curve the variance of DeLong, DeLong and
// Clarke-Pearson, "Comparing the areas under two or more correlated receiver operating
// characteristic curves", Biometrics 44, 1988; else that of Obuchowski, "Nonparametric
// analysis of clustered ROC curve data", Biometrics 53, 1997. A difference has the
// pulls of the one less those of the other: two versions that scored the same rows,
// as a shadow does, need no other formula.
//
// # Differences
//
// A difference d of variance v after n units has the confidence sequence
//
//	d ± sqrt(v (1 + 1/(n ρ²)) log((1 + n ρ²)/α²))
//
// and the p-value min(1, sqrt(1 + n ρ²) exp(-n ρ²/(1 + n ρ²) z²/2)), z being d/sqrt(v):
// the mixture sequential probability ratio test, of a normal mixture of variance ρ²
// times that of a unit (Robbins, "Statistical methods related to the law of the iterated
// logarithm", Annals of Mathematical Statistics 41, 1970; Johari, Koomen, Pekelis and
// Walsh, "Always valid inference: continuous monitoring of A/B tests", Operations
// Research 70, 2022), with variances estimated as it goes (Waudby-Smith, Arbour, Sinha,
// Kennedy and Ramdas, "Time-uniform central limit theory and asymptotic confidence
// sequences", Annals of Statistics 52, 2024). The chance that the sequence ever leaves
// the truth out is at most α as the rows become many; below 100 units, or 20 rows of
// either class, nothing is told. ρ² is such that the sequence is tightest at 10,000
// units, which changes how soon a difference shows, and not how often one that isn't
// there does.
package experiment
