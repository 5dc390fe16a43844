//go:build soak

package arrowfile_test

import "testing"

// TestSoakAnyByteOfOtherWritersChanged changes every byte.
func TestSoakAnyByteOfOtherWritersChanged(t *testing.T) { flipOthers(t, 1) }
