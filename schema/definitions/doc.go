// Package definitions reads the YAML files in which a team declares its
// entities, sources, feature views, feature services and models.
//
// It promises that an error names its file, line and column and says what would
// be right, and that all errors of a folder come at once: those of the text,
// and those that [schema.Definitions.Validate] finds in what was read. Errors
// that only follow from another are left out: a file that can't be read at all
// makes no dangling references.
//
// It reads strictly. It refuses keys that don't exist, keys that come twice,
// texts where numbers belong and numbers where texts do. It refuses YAML's
// anchors, aliases, merge keys and tags: what a reviewer sees is what is meant,
// and no small file unfolds into a large one. It reads no file outside the
// folder, whatever paths and symbolic links say.
//
// What a field may hold is known from its Go type and json tag; there is no
// code for single nouns. [JSONSchema] describes the same for editors.
package definitions
