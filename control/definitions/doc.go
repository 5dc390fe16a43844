// Package definitions plans and applies definitions, goes back to earlier ones,
// and amends the newest.
//
// # Promises
//
//   - It checks before it changes: definitions whose sources don't exist, or whose
//     models don't fit their feature services, are refused with every reason at once.
//   - What was pushed stays when a folder that doesn't have it is applied.
//   - A change was made on the version that its author saw, or on top of the newest;
//     when it returns, its own server serves it.
//   - Rows of views and model files that no definitions name any more are deleted,
//     some time later.
package definitions
