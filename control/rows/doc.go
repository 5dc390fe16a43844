// Package rows puts rows that callers write into the tables of sources, and
// materializes them.
//
// # Promises
//
//   - All rows of a request are stored or none, in the source's own table. Training
//     sets read the same rows.
//   - When Write returns, this server serves the rows; other servers do after their next
//     run.
//   - Values are checked against the definitions before anything is written. Larder's own
//     tables take no rows.
package rows
