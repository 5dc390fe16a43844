//go:build soak

package stream_test

import (
	"runtime"
	"testing"
	"time"
)

// TestSoakKills is TestTrap01Kills with a thousand kills: about eight minutes.
func TestSoakKills(t *testing.T) { killOften(t, 1000) }

// TestSoakPostgresAwayForAMinute is TestTrap09PostgresAwayAtEachStep with a minute at each
// step: about six minutes, in bounded memory.
func TestSoakPostgresAwayForAMinute(t *testing.T) {
	awayAtEachStep(t, time.Minute)
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if limit := uint64(512 << 20); m.HeapAlloc > limit {
		t.Errorf("%d MiB are in use (limit %d)", m.HeapAlloc>>20, limit>>20)
	}
}
