// Package monitor has the noun of all that watches what is served: a request that was
// scored. Package serving makes it; the feature log and others take it.
package monitor
