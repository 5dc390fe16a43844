package runs

// Internals for tests.
var (
	RowOf = rowOf
	Read  = read
)
