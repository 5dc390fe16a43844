package online_test

import (
	"math"
	"syscall"
	"testing"

	"larder/store/online"
)

func tryPut(t testing.TB, s *online.Store, eventTime, value int64) error {
	t.Helper()
	w := s.NewWriter(plainView, online.WriterOptions{})
	defer w.Close()
	add(t, w, keyOf(plainView, 1), eventTime, rowOf(0, value, 0))
	return w.Flush(ctx())
}

func holds(t testing.TB, s *online.Store, eventTime, value int64) {
	t.Helper()
	if got := read(t, s, keyOf(plainView, 1))[string(keyOf(plainView, 1))]; got.EventTime != eventTime || valueOf(t, got.Row) != value {
		t.Errorf("event time %d, value %d; want %d, %d", got.EventTime, valueOf(t, got.Row), eventTime, value)
	}
}

// A disk is full when less is free than must be; here twice of what is.
func TestADiskThatFillsUp(t *testing.T) {
	s := open(t, t.TempDir(), small)
	defer closed(t, s)
	put(t, s, plainView, 1, 1, 10)
	s.SetMinFree(math.MaxInt64 / 2)
	refused(t, tryPut(t, s, 2, 20), "DISK_FULL", "is full", "reads go on", "free some space")
	refused(t, s.SetWatermark(plainView, online.Watermark{Time: 2}), "DISK_FULL")
	refused(t, s.DropView(ctx(), plainView), "DISK_FULL")
	holds(t, s, 1, 10)
	s.SetMinFree(small.MinFreeBytes)
	put(t, s, plainView, 1, 2, 20)
	holds(t, s, 2, 20)
}

func TestOpenOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, small)
	put(t, s, plainView, 1, 1, 10)
	closed(t, s)
	var disk syscall.Statfs_t
	if err := syscall.Statfs(dir, &disk); err != nil {
		t.Fatal(err)
	}
	full := small
	full.MinFreeBytes = 2 * int64(disk.Bavail) * int64(disk.Bsize)
	s = open(t, dir, full)
	holds(t, s, 1, 10)
	refused(t, tryPut(t, s, 2, 20), "DISK_FULL", dir, "only answers", "free some space and start it again")
	closed(t, s)

	full.MinFreeBytes = math.MaxInt64 / 2
	_, err := online.Open(dir, full)
	refused(t, err, "DISK_FULL", dir, "is full")

	s = open(t, dir, small) // there is room again
	defer closed(t, s)
	holds(t, s, 1, 10)
	put(t, s, plainView, 1, 2, 20)
	holds(t, s, 2, 20)
}
