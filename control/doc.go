// Package control is the control plane of a server over gRPC and Arrow Flight: each
// RPC reads its message, calls one of the [Parts], and writes the answer.
//
//	Parts.Definitions   plan, apply, go back
//	Parts.Models        push, promote, retire, traffic; MLflow and the model folder
//	Parts.Runs          materialize, cancel, the record of runs
//	Parts.Datasets      training sets, rows of views
//	Parts.Checks        verify, experiments, labels
//	Parts.Forget        remove entities everywhere
//
// The parts don't depend on a transport, so other code can call them. The control
// plane doesn't serve features. Package serving does, and neither imports the other.
package control
