// Package folder reads model files from a folder in Triton's layout:
//
//	fraud/1/model.onnx
//	fraud/2/model.onnx
//
// It takes only regular files below the folder; symbolic links may not lead out of it.
// It skips names that are not model names, folders that are not version numbers, and
// other files such as config.pbtxt. It takes a file when two looks in a row found it
// unchanged, so that it does not take half a file. A writer that may pause should
// write elsewhere and rename the file into place.
package folder
