// Package checks compares what is served with what it should be: rows with their
// source, and the scores of versions with what became of what they scored. It does
// so when asked, and on schedules.
//
// # Promises
//
//   - A check reads; it changes nothing.
//   - It runs on a thread of low priority and ends with its context.
//   - On a schedule, what is wrong is logged and in the metrics larder_verify_* and
//     larder_experiment_*.
package checks
