// Package mlflow reads model versions from an MLflow tracking server: which
// version an alias names, and its ONNX file.
//
// It speaks MLflow's REST API and reads artifacts through the server that
// proxies them (mlflow-artifacts:), so that the one address and the one set of
// credentials that a server was started with are all it ever uses: an artifact
// that lies elsewhere is refused, and so are redirects to another host.
//
// It takes versions that are READY and have the ONNX flavour, and refuses the rest by
// name of what is missing. What it reads is bounded in size and in time. It changes
// nothing in MLflow.
package mlflow
