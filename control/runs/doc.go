// Package runs starts materializations for people, says how runs stand, and keeps
// their record in Postgres.
//
// # Promises
//
//   - A run of this server is answered from memory, any other from the record.
//   - Each change of a run's state is recorded. While Postgres can't be reached the
//     newest state of each run waits.
//   - A run that the server's end cut off is recorded as failed when the server
//     starts again.
package runs
