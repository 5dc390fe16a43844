// Package serving is the data plane: it answers requests for features and scores.
//
// [Generation.Serve] is the core: it takes an [Ask] of columns and gives an [Answer] of
// columns. Each protocol only reads its requests into an Ask and writes the Answer:
// larder.v1.ServingService over gRPC and POST /v1/features and /v1/score over HTTP here,
// the Open Inference Protocol in package inference.
//
// # Promises
//
//   - A request runs on one catalog, also when another is applied meanwhile. It reads
//     the clock once, and the answer names the versions that made it.
//   - Answers have the rows of the request in its order, repeated rows included, and
//     the features in the order of the feature service or the list.
//   - The number of allocations of a gRPC request does not depend on its rows or
//     features, with three exceptions: two in ONNX Runtime for each 1,024 rows, one
//     for each column with nulls, and those that split and merge rows where several
//     versions score them. HTTP is for people and scripts: it reads JSON value by value.
//   - Responses never share memory.
//   - This package can't reach Postgres: a slow or dead database slows no request.
//
// # Refusals
//
// A request for a model with split traffic, without the value to split by. Requests
// without rows or with more than [Options.MaxRows]. All that package vector refuses:
// unknown names, types that don't fit, null keys, columns of different lengths. Over
// HTTP also unknown fields, and JSON that is not of the declared types.
package serving
