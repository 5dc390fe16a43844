// Package keyring keeps API keys in Postgres, and follows them and the roles and bindings of
// the newest definitions, so that a server can decide without asking anyone.
//
// # Promises
//
//   - A key that is made or revoked is so on every server within a second, and roles and
//     bindings hold as soon as they are applied, also while the rows of that version are
//     still being filled.
//   - While Postgres can't be reached the last known state holds. It is also kept in a
//     folder, so that a server starts with it.
//   - A key's secret is never here, only its SHA-256.
package keyring
