// Package dbt turns what a dbt project has built into Larder's definitions.
//
// [ReadManifest] and [ReadCatalog] read the files that dbt leaves in its folder target:
// manifest.json says what there is, catalog.json which columns the tables have. [Import]
// returns definitions of those models, snapshots, seeds and sources that carry a tag or a
// key larder in their meta, comments for their files, and a report: a line for everything
// that was left out, with what to do about it. What it returns as definitions is valid.
//
// The key larder in a meta holds what dbt doesn't know: the entity, its join keys, the event
// time, how long rows count. A key in it that doesn't exist, or a value that it can't have,
// is an error that names the node and the key.
//
// It promises that it reads a manifest node by node, up to [MaxBytes], and that it connects
// to nothing and runs nothing of the project.
package dbt
