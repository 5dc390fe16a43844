// Package layers holds the table of the house: which package may import which,
// and through which packages each dependency comes in. Its test reads the
// imports of every Go file and fails for a package that isn't in the table, an
// import that the table doesn't allow, and a dependency that comes in through
// another door.
//
// It promises that the shipped code matches the table on every system: files are
// parsed regardless of their build constraints. Test files may import more (any
// package on the same floor or below, any dependency), since they don't ship.
package layers
