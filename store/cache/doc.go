// Package cache keeps recently read rows in memory, in front of a slower store. It
// knows entities, views and bytes, but not the store.
//
// # Promises
//
//   - At any moment, a row in the cache equals the row in the store:
//     it is never stale, no matter what readers and writers do concurrently.
//   - Its memory is bounded, and holds no pointers for the garbage collector to
//     follow. Rows that were not read recently are evicted first.
//   - A [Look] at rows that are known allocates nothing.
//
// # What callers do
//
// A reader looks in the cache first, and fills in the rows that it had to read:
//
//	look → rows that are known
//	Epoch → read the store → Fill
//
// A writer announces its rows, and reports when they are written:
//
//	Begin → write the store → End
//
// # Why it is never staler
//
// Begin announces rows and makes them unknown; announced rows can't be filled. After
// the commit, End updates the rows that the cache had known, increments the epoch, and
// removes the announcement, in this order. A reader asks for the epoch before it reads
// the store. Its fill is refused if one of the rows is announced, or if the epoch has
// moved since. So during a commit readers see what the store has, and after it no
// reader can fill in what it read before. The order of the two checks matters: a
// commit that ends between them must show in the second.
//
// The package's test stops readers and writers between any two of their steps and
// tries the orders in which they can continue.
package cache
