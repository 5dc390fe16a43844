// Package audit keeps the audit trail: who did what, on what, from where, and how it ended.
//
// # Promises
//
//   - A decision is written, to the table larder.audit and to a file, before its effect
//     ([Log.Before]). Where it can't be written there is no effect. While only the file can't
//     be written, the table has the records, and the file gets them later.
//   - A record never has values of features or keys, bodies or credentials.
//   - The records of one run of a server are a chain: each has the hash of the one before
//     it, and the first names the newest record of any chain. A record that is changed or
//     taken out of the middle is found by [Check]. Records that are cut off at the end of
//     the newest chain are not; the file of another machine tells that.
//   - What is refused is recorded too, by [Log.Note]. The same refusals within ten seconds
//     are one record and another with a count, so that nobody can fill the trail by being
//     refused.
//
// # The form of a record
//
// A record is a line of JSON. Its hash is the SHA-256 of the hash before it (32 bytes,
// zeros before the first) and the line without the member "hash", as it was written.
package audit
