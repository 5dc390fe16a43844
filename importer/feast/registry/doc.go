// Package registry reads what Feast, the feature store, keeps about a repository: its
// feature_store.yaml, and its registry from a file, from Postgres or from Feast's REST
// server.
//
// It runs nothing of the repository. A registry holds pickled Python functions, whose
// loading would run code; the messages of [larder/api/feast/core] have no field for them,
// so they are skipped with everything else that is unknown. It writes nothing: SQL runs
// in a read-only transaction, and HTTP requests are GET.
//
// Sizes, pages and times are bounded. An error names what was read and what to do.
package registry
