package postgres

// BoundAfter is Bound with another first silence.
var BoundAfter = bound
