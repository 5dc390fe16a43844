// Package definitions reads the YAML files in which a team declares its
// entities, sources, feature views, feature services and models.
//
// It promises that each error names its file, line and column and says what would be
// right. It reports all errors of a folder at once: those in the text, and those that
// [schema.Definitions.Validate] finds. It leaves out errors that only follow from
// another: an unreadable file doesn't cause dangling references.
//
// It reads strictly. It refuses unknown keys, duplicate keys, strings in place of
// numbers and numbers in place of strings. It refuses YAML anchors, aliases, merge keys
// and tags, so that a reviewer sees the actual values and a small file can't expand into
// a large one. It never reads a file outside the folder, not even through symbolic links.
//
// The Go type and json tag of a field say what it may hold; no noun has code of its
// own. [JSONSchema] describes the same for editors.
package definitions
