// Package runs starts materializations on request, reports the state of runs, and
// records runs in Postgres.
//
// # Promises
//
//   - The state of this server's runs comes from memory, that of others from the
//     record.
//   - Each change of a run's state is recorded. While Postgres is unreachable, the
//     newest state of each run waits to be written.
//   - If a server stops during a run, it records the run as failed when it starts
//     again.
package runs
