// Package traffic decides which version of a model scores a row, and watches a
// version whose share is being raised.
//
// Who is scored by which version is a pure function: the value that traffic is
// split by falls in one of 10,000 buckets, and buckets belong to versions.
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
// Python client and the SQL function larder.bucket agree, and testdata/buckets.json
// holds vectors that they are tested with.
//
// Versions take their buckets from the two ends, so that among two or three a
// weight that is raised takes buckets of the control and moves no others. Among
// more, versions further in on the same side move by what those outside gained:
// at most twice what it must be.
//
// A ramp's weight is a pure function of when it began and of now. When it began,
// and whether a guard has tripped, are kept elsewhere: Options has the doors.
//
// Guards compare the newest requests of the ramp's version with the control's and
// trip on what chance doesn't explain. Shares are compared by the bounds of Wilson
// (1927), the 99th percentiles by order statistics, and the distributions of scores
// by the largest distance of Kolmogorov and Smirnov, less what the inequality of
// Dvoretzky, Kiefer and Wolfowitz in Massart's (1990) form allows for samples of
// their size. Each server judges what it has seen itself.
//
// The package refuses to look at how a model scores: whoever routes tells it.
package traffic
