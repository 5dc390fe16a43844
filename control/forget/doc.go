// Package forget removes entities everywhere: from the online stores and the feature logs of
// all servers, from the tables of the registry and of streams, and from sources that allow it.
//
// # How
//
// A [Remover] puts the hashes of keys on the list of forgotten keys in the registry. Each
// server has a [Follower], which keeps the list in memory. From the moment when it knows a
// key, nothing of it is written any more; then it removes what is there, and says so in
// Postgres. The Remover waits for all servers that live, and only then deletes from tables:
// no server adds to them any more. At the end the forgetting is done, and rows and events
// that are newer than that are a new relation, which is stored as usual.
//
// # Promises
//
//   - After a crash anywhere, the same request goes on where it was.
//   - A server that was away, or whose rows come from an older snapshot, removes the keys
//     when it starts, before anything writes to its store.
//   - The keys themselves are in no table and no file, only their hashes.
//   - No byte of an online row or its key stays in the files of the store.
package forget
