// Package datasets builds training sets for callers of a server, reads the source
// rows of views, and keeps the manifests.
//
// # Promises
//
//   - Only a few sets and readings run at once. Each uses a bounded number of
//     connections to Postgres, from a pool of their own.
//   - A completed set is recorded under the id of its manifest.
package datasets
