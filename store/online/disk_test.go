package online_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"

	"larder/store"
	"larder/store/online"
)

func tryPut(t testing.TB, s *online.Store, eventTime, value int64) error {
	t.Helper()
	w := s.NewWriter(plainView, store.WriterOptions{})
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
	refused(t, tryPut(t, s, 2, 20), "DISK_FULL", "free some space", "are required", "reads continue")
	refused(t, tryMark(s, plainView, store.Watermark{Time: 2}), "DISK_FULL")
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
	refused(t, tryPut(t, s, 2, 20), "DISK_FULL", dir, "free some space and restart the server")
	closed(t, s)

	full.MinFreeBytes = math.MaxInt64 / 2
	_, err := online.Open(dir, full)
	refused(t, err, "DISK_FULL", dir, "free some space")

	s = open(t, dir, small) // there is room again
	defer closed(t, s)
	holds(t, s, 1, 10)
	put(t, s, plainView, 1, 2, 20)
	holds(t, s, 2, 20)
}

// limitedDir names the variable that makes the test binary a writer whose files
// can't grow, and where.
const limitedDir = "LARDER_TEST_LIMITED_DIR"

// flushedRows is what goes to Badger in one piece.
const flushedRows = 1_000

// writeUntilStopped writes until no file can be made any more, and says what it
// is told then. A limit on the size of files stands for all that free space
// doesn't show: quotas, a file system that was remounted, a disk that fails.
func writeUntilStopped(dir string) {
	signal.Ignore(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	s, err := online.Open(dir, small)
	if err == nil {
		err = syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit)
	}
	limit.Cur = 12 << 20 // room for a table, but for no log
	if err == nil {
		err = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	w := s.NewWriter(plainView, store.WriterOptions{})
	rounds := int64(0)
	for ; err == nil; rounds++ {
		err = errors.Join(addRange(w, plainView, rounds*flushedRows, flushedRows, 1), w.Flush(ctx()))
	}
	w.Close()
	fmt.Println("rounds", rounds-1)
	fmt.Println("write:", err)
	fmt.Println("read:", s.Read(ctx(), keysOf(keyOf(plainView, 1)), 1, func(int, int64, []byte) error { return nil }))
	w = s.NewWriter(plainView, store.WriterOptions{})
	fmt.Println("flush:", w.Flush(ctx()))
	w.Close()
	fmt.Println("mark:", tryMark(s, plainView, store.Watermark{Time: 1}))
	fmt.Println("drop:", s.DropView(ctx(), plainView))
	fmt.Println("fault:", s.Fault())
	fmt.Println("close:", s.Close())
	os.Exit(0)
}

func TestALimitOnFiles(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), limitedDir+"="+dir)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var rounds int64
	said := strings.Split(strings.TrimSpace(string(out)), "\n")
	if n, err := fmt.Sscanf(said[0], "rounds %d", &rounds); n != 1 || rounds == 0 {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, what := range []string{"write:", "read:", "flush:", "mark:", "drop:", "fault:"} {
		at := slices.IndexFunc(said, func(line string) bool { return strings.HasPrefix(line, what) })
		for _, words := range []string{dir, "stopped because a write failed (truncate ", "file too large)", "no flushed rows are lost", "restart the server"} {
			if at < 0 || !strings.Contains(said[at], words) {
				t.Errorf("%s doesn't say %q:\n%s", what, words, out)
			}
		}
	}
	if last := said[len(said)-1]; last != "close: <nil>" {
		t.Errorf("it says %q in the end", last)
	}
	s := open(t, dir, small)
	defer closed(t, s)
	for id := range rounds * flushedRows {
		if got := read(t, s, keyOf(plainView, id)); len(got) != 1 {
			t.Fatalf("key %d of %d flushed rows is lost", id, rounds*flushedRows)
		}
	}
	wantCounted(t, s)
	put(t, s, plainView, 1, 2, 20)
	holds(t, s, 2, 20)
}
