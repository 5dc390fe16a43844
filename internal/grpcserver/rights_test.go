package grpcserver_test

import (
	"slices"
	"testing"

	"larder/internal/grpcserver"
	"larder/schema"
)

// TestRightsCanBeGranted: what the table requires is an action that roles can allow.
func TestRightsCanBeGranted(t *testing.T) {
	for _, right := range grpcserver.Rights() {
		if right != grpcserver.Public && right != grpcserver.Any && !slices.Contains(schema.Actions, string(right)) {
			t.Errorf("no role can allow %q", right)
		}
	}
}
