// Package mlflow reads model versions from an MLflow tracking server: which
// version an alias names, and its ONNX file.
//
// It speaks MLflow's REST API and reads artifacts through the server that proxies them
// (mlflow-artifacts:). So it uses only the one address and the one set of credentials
// that a server was started with. It refuses artifacts that are stored elsewhere, and
// redirects to another host.
//
// It takes versions that are READY and have the ONNX flavour, and refuses the rest
// with an error that names what is missing. Reads are bounded in size and in time. It
// changes nothing in MLflow.
package mlflow
