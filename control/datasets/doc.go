// Package datasets builds training sets for callers of a server, reads the source
// rows of views, and keeps the manifests.
//
// # Promises
//
//   - No more than a few sets and readings run at once, each with a bounded number of
//     connections to Postgres, which are none of those that others use.
//   - A set that was built to its end is recorded under the id of its manifest.
package datasets
