// Package traffic decides which version of a model scores a row, and watches a
// version whose share is being raised.
//
// A pure function picks the version of a row: the value that traffic is split by falls
// in one of 10,000 buckets, and each bucket belongs to a version.
//
//	bucket  = first 4 bytes of SHA-256(salt ":" value), big-endian, mod 10,000
//
//	0                                                            9,999
//	+--------------+----------------------------------+--------------+
//	| 2nd version  |  1st version: the control        | 3rd version  |
//	+--------------+----------------------------------+--------------+
//	| 2nd, then 4th, ... from below          ... 5th, then 3rd from above
//
// The value is text in UTF-8; an integer is its decimal digits. Every server, the
// Python client and the SQL function larder.bucket agree: testdata/buckets.json holds
// the vectors that test them.
//
// Versions take their buckets from the two ends. So among two or three versions, a
// raised weight takes buckets from the control and moves no others. Among more, the
// versions further in on the same side move by what the outer ones gained: at most
// twice the movement that is needed.
//
// A ramp's weight is a pure function of its start and of the current time. Its start,
// and whether a guard has tripped, are stored outside of this package: see Options.
//
// Guards compare the newest requests of the ramp's version with the control's and trip
// when chance can't explain the difference. Shares are compared by the bounds of
// Wilson (1927), the 99th percentiles by order statistics, and the distributions of
// scores by the largest distance of Kolmogorov and Smirnov, less what the inequality
// of Dvoretzky, Kiefer and Wolfowitz in Massart's (1990) form allows for samples of
// their size. Each server judges by its own requests.
//
// The package does not look at how a model scores: the caller that routes reports the
// results.
package traffic
