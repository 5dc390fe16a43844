// Package modelfile reads model files, with weights that lie in files beside them, where
// torch's newer exporter and onnx.save with save_as_external_data put them. What it returns
// is one file, which has the same bytes for the same weights in any client.
package modelfile
