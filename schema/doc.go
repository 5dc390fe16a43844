// Package schema holds Larder's nouns: entities, sources, feature views,
// feature services and models, the immutable [Catalog] compiled from them,
// and the [Plan] of one request shape.
//
// It promises that whatever it compiles is whole: every reference resolved,
// every name unique, every default of its feature's type. A Catalog and all
// that hangs on it never changes after [Compile] returns, so it may be read by
// any number of goroutines.
//
// It imports the standard library only, and it refuses to know where
// definitions come from: reading files is schema/definitions, keeping versions
// is store/registry.
package schema
