// Package onnxmodel writes small ONNX models, and scores with them in plain Go.
//
// Tests and benchmarks need real models of any width, and a slow, obvious answer
// to compare ONNX Runtime's with. [Forest], [Network] and [Linear] are such
// models: each encodes itself and scores one row in float32, adding up in the
// order that the model declares. Sums may differ from ONNX Runtime's in the last
// bits, for it may add up in another order. [Model] is the format underneath, for
// tests that need something else, or something that no exporter would write.
//
// A seed gives the same bytes each time. The package checks nothing: a fault in a
// Model is a fault in its bytes.
package onnxmodel
