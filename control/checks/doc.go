// Package checks compares what is served with what it should be: online rows with
// their source, and the scores of model versions with the labels that came later. It
// does so on request and on schedule.
//
// # Promises
//
//   - A check reads; it changes nothing.
//   - It runs on a low-priority thread and ends with its context.
//   - A scheduled check logs what is wrong and sets the metrics larder_verify_* and
//     larder_experiment_*.
package checks
