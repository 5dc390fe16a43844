// Package monitor defines a scored request, the type that everything that observes
// serving shares. Package serving makes it; the feature log and others consume it.
package monitor
