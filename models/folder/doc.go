// Package folder reads model files from a folder in Triton's layout:
//
//	fraud/1/model.onnx
//	fraud/2/model.onnx
//
// It takes regular files below the folder only; symbolic links may not lead out
// of it. Names that are no model's, folders that are no version's number and
// other files, as config.pbtxt, are passed over. A file is taken when two looks
// in a row found it the same, so that one that is being written is not taken
// half; who writes elsewhere and renames is safe from a writer that pauses too.
package folder
