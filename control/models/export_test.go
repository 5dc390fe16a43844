package models

// What tests look at.
var (
	SetTraffic = setTraffic
	ServeAlone = serveAlone
	Retire     = retire
)
