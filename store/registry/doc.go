// Package registry keeps applied definitions, model files and the record of
// runs in Postgres, and publishes a new [schema.Catalog] when the definitions
// change.
//
// It promises that a published catalog can be served. If the hook Prepare refuses a
// catalog, that catalog isn't published, and the previous one keeps serving. A
// published catalog is also kept in a folder, with its model files, so that a server
// starts and serves when Postgres can't be reached.
//
// Definitions are applied in one transaction, against the version that the caller has
// seen. If someone else applied in between, the apply is refused, not merged.
package registry
