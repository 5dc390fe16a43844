// Package cache keeps rows that were read lately in memory, in front of a store
// that is slower. It knows entities, views and bytes, and nothing of the store.
//
// # Promises
//
//   - What the cache knows of a row is what the store has of it, at any moment:
//     it is never staler, whatever readers and writers do at once.
//   - Its memory is bounded, and holds no pointers for the garbage collector to
//     follow. What was not asked for lately goes first.
//   - A [Look] at rows that are known allocates nothing.
//
// # What callers do
//
// A reader looks first, and fills in what it had to read:
//
//	look → rows that are known
//	Epoch → read the store → Fill
//
// A writer announces its rows, and says when they are written:
//
//	Begin → write the store → End
//
// # Why it is never staler
//
// Begin announces rows and makes them unknown; announced rows can't be filled.
// After the commit, End makes those that had been known what they are now, moves
// the epoch on, and takes the announcement back, in this order. A fill is
// refused when one of its rows is announced or the epoch has moved since the
// reader asked for it, before it read the store. So while a commit is under way
// readers see what the store has, and afterwards nobody can put back what was
// read before. The order of the two questions matters: a commit that ends
// between them must show in the second.
//
// The package's test stops readers and writers between any two of their steps
// and tries the orders in which they can go on.
package cache
