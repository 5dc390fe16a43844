// Package feast turns what a Feast repository has registered into Larder's definitions.
//
// [Import] gets a repository's settings and its registry, which package registry reads,
// and returns definitions, comments for their files, and a report: a line for everything
// that has no counterpart, or another one than a reader of the repository would expect,
// with what to do about it. What it returns as definitions is valid; what would make them
// invalid is left out, written as a comment, and reported.
//
// It connects to nothing and runs no code of the repository. Functions of on-demand views
// are read as text, by package python below.
package feast
