package runs

// What tests look at.
var (
	RowOf = rowOf
	Read  = read
)
