// Package registry keeps applied definitions, model files and the record of
// runs in Postgres, and publishes a new [schema.Catalog] when the definitions
// change.
//
// It promises that a published catalog can be served: the hook Prepare has
// taken it, or it isn't published and the one before serves on. A catalog that
// was published is also kept in a folder, with its model files, so that a
// server starts and serves when Postgres can't be reached.
//
// Definitions are applied in one transaction, against the version that the
// caller has seen; somebody else's apply in between is refused, not merged.
package registry
