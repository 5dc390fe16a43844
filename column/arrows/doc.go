// Package arrows has columns as Arrow arrays: it knows the Arrow type of each type,
// and reads arrays of the types that other programs write.
package arrows
