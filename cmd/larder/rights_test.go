package main

import (
	"slices"
	"testing"

	"larder/control"
	"larder/control/streams"
	"larder/internal/grpcserver"
	"larder/serving"
	"larder/serving/inference"
)

// TestEverythingThatIsServedIsInTheTableOfRights: each RPC and each path, as serve
// registers them.
func TestEverythingThatIsServedIsInTheTableOfRights(t *testing.T) {
	n := &node{cfg: settings{Pprof: true}, serving: new(serving.Server), inference: new(inference.Server), control: control.New(control.Options{}), pushes: streams.New(streams.Options{})}
	shell, err := grpcserver.New(grpcserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	n.register(shell)
	if unruled := shell.Unruled(); unruled != nil {
		t.Errorf("RPCs that are not in internal/grpcserver/table.go: %q", unruled)
	}
	mux := n.httpHandler()
	if unruled := mux.Unruled(); unruled != nil {
		t.Errorf("paths that are not in internal/grpcserver/table.go: %q", unruled)
	}
	served := append(mux.Patterns(), "/") // which says that there is no such path
	for _, o := range mux.Operations() {  // with the shell's own pages
		served = append(served, o.Pattern)
	}
	for _, pattern := range grpcserver.RuledPaths() {
		if !slices.Contains(served, pattern) {
			t.Errorf("the table of rights has %q, which is not served", pattern)
		}
	}
	if len(served) < 20 || len(shell.GetServiceInfo()) < 6 {
		t.Errorf("only %d paths and %d services are served", len(served), len(shell.GetServiceInfo()))
	}
}
