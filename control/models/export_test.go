package models

// Internals for tests.
var (
	SetTraffic = setTraffic
	ServeAlone = serveAlone
	Retire     = retire
)
