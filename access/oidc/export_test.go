package oidc

import "time"

// Age makes what a verifier knows older.
func Age(v *Verifier, by time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.got, v.fetched = v.got.Add(-by), v.fetched.Add(-by)
}

// Known returns how many keys a verifier knows.
func Known(v *Verifier) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.keys)
}
