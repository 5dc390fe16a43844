package checks

// Internals for tests.
var (
	Pick         = pick
	SameRequests = sameRequests
)
