// Package definitions plans and applies definitions, reverts to earlier versions, and
// amends the newest version.
//
// # Promises
//
//   - It checks before it changes anything. It refuses definitions when a source
//     doesn't exist or a model doesn't fit its feature service, and lists all reasons.
//   - Applying a folder doesn't remove pushed models and versions that the folder
//     leaves out.
//   - A change is made to the version that its author saw, or on top of the newest.
//     When it returns, its own server serves it.
//   - Rows of views and model files that no definitions use any more are deleted
//     later.
package definitions
