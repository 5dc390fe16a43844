// Package serving is the data plane: it answers larder.v1.ServingService over
// gRPC, and POST /v1/features and POST /v1/score over HTTP.
//
// # Promises
//
//   - A request runs on one catalog, whatever is applied meanwhile, reads the
//     clock once, and says which versions answered.
//   - Rows are answered in the order asked for, repeated ones too, and features in
//     the order of the feature service or of the list.
//   - To answer a gRPC request takes a number of allocations that depends neither
//     on its rows nor on its features, but for two of ONNX Runtime's for each 1024
//     rows, one for each column with nulls, and where several versions score the
//     rows, what it takes to part and join them. HTTP is for people and scripts: its
//     JSON is read value by value.
//   - Nothing of an answer is used again for another.
//   - Postgres isn't seen from here: a slow or dead database slows no request.
//
// # Refusals
//
// A request for a model whose traffic is split, without the value to split by.
// Requests without rows or with more than [Options.MaxRows], and whatever package
// vector refuses: unknown names, types that don't fit, null keys, columns of
// different lengths. Over HTTP also fields that don't exist and JSON that isn't of
// the declared types.
package serving
