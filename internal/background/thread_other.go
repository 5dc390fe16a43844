//go:build !linux

package background

// Thread does nothing where threads have no priority of their own.
func Thread() {}
