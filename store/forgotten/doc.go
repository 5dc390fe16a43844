// Package forgotten knows which keys are forgotten, without knowing the keys.
//
// # Hashes
//
// A forgotten key is kept as an HMAC-SHA256 with the salt of the registry. It covers the
// names of the join keys, sorted, each with its value:
//
//	name length (4 bytes, BE) | name | kind | value length (4 bytes, BE) | value | ...
//
//	kind 'o'   bool        1 byte
//	kind 'i'   integers    8 bytes, big-endian, so that int32 5 and int64 5 are one key
//	kind 't'   timestamp   8 bytes, big-endian: microseconds since 1970 UTC
//	kind 's'   string      its bytes
//	kind 'b'   bytes       its bytes
//
// The name of the entity is not part of it: a renamed entity stays forgotten, and so does
// a key in views of several entities, in logs of requests and in streams, which have
// columns and no entities. Whoever has the salt and a list of possible keys can find out
// which of them are forgotten; nobody else can.
//
// # Time
//
// A record has a time, Until. What was true or arrived by then is forgotten; what is newer
// is not. While the forgetting goes on, Until is [Pending], and everything is.
package forgotten
