// Package schema holds Larder's nouns: entities, sources, feature views,
// feature services and models, the immutable [Catalog] compiled from them,
// and the [Plan] of one request shape.
//
// It promises that a compiled catalog is complete: every reference is resolved, every
// name is unique, and every default has its feature's type. A Catalog and everything
// that it points to never change after [Compile] returns, so any number of goroutines
// may read it.
//
// It imports only the standard library and doesn't know where definitions come from:
// schema/definitions reads files, and store/registry keeps versions.
package schema
