package checks

// What tests look at.
var (
	Pick         = pick
	SameRequests = sameRequests
)
