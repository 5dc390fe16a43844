// Package inference answers the Open Inference Protocol, version 2, over gRPC
// (inference.GRPCInferenceService) and over REST (/v2/...): clients of KServe and
// Triton call Larder without its own packages. docs/inference-protocol.md is
// the reference for callers.
//
// # Promises
//
//   - Each model appears twice. As NAME it takes and gives the tensors of its file.
//     As NAME.features it takes join keys and values of the request, and is answered
//     by [serving.Server]: with features, scores, traffic, logs and figures as every
//     other request.
//   - An answer is of one version of one catalog, and says which version. An empty
//     version is the one that serves.
//   - What comes from outside is counted before room is made for it: tensors,
//     dimensions and their product, strings, bytes after unpacking.
//   - gRPC and REST give the same answers: both are read into the same arrays.
//
// # What it refuses
//
// Shared memory, sequences and decoupled answers, which the protocol's extensions
// know. Loading what the definitions don't have, and unloading what they do: they
// alone say which models there are.
//
// # Bytes
//
// Raw contents are the elements of a tensor end to end, little-endian, row by row:
//
//	BOOL                       1 byte, 0 or 1
//	INT8 INT16 INT32 INT64     1, 2, 4, 8 bytes
//	UINT8 UINT16 ...           as these
//	FP16 BF16 FP32 FP64        2, 2, 4, 8 bytes
//	BYTES                      4 bytes of length, then so many bytes
//
// A REST body with the header Inference-Header-Content-Length: n is n bytes of JSON,
// and after it the raw contents of the tensors that have binary_data_size in their
// parameters, in their order.
package inference
