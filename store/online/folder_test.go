package online_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"larder/store"
	"larder/store/online"
)

// remedy is in every error about a folder that is damaged.
const remedy = `restore it with "larder snapshot load", or delete the folder: it refills from Postgres`

// filled makes a store with a few tables, and closes it.
func filled(t *testing.T) string {
	dir := t.TempDir()
	for round := range int64(3) {
		s := open(t, dir, small)
		w := s.NewWriter(plainView, store.WriterOptions{})
		for id := range int64(2_000) {
			add(t, w, keyOf(plainView, id), round, rowOf(0, round, 100))
		}
		flush(t, w)
		w.Close()
		closed(t, s)
	}
	return dir
}

func oneOf(t *testing.T, dir, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "rows", pattern))
	if err != nil || len(found) == 0 {
		t.Fatalf("no %s in %s (%v)", pattern, dir, err)
	}
	return found[len(found)-1]
}

// spoil changes a file.
func spoil(t *testing.T, path string, change func(b []byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(b), 0o600); err != nil {
		t.Fatal(err)
	}
}

func half(b []byte) []byte { return b[:len(b)/2] }

func nothing([]byte) []byte { return nil }

func garbage(b []byte) []byte { return bytes.Repeat([]byte{0xa5, 0x3c, 0x00, 0xff}, len(b)/4) }

func lastByte(b []byte) []byte {
	b[len(b)-1] ^= 0xff
	return b
}

func TestADamagedFolder(t *testing.T) {
	f := func(name, pattern string, change func([]byte) []byte, unsealed bool, words ...string) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			dir := filled(t)
			if unsealed { // as after a crash
				if err := os.Remove(filepath.Join(dir, "SEAL")); err != nil {
					t.Fatal(err)
				}
			}
			path := oneOf(t, dir, pattern)
			if change == nil {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
			} else {
				spoil(t, path, change)
			}
			s, err := online.Open(dir, small)
			if err == nil {
				closed(t, s)
				t.Fatal("it was opened")
			}
			refused(t, err, "STORE_DAMAGED", append(words, dir, remedy)...)
		})
	}
	const changed = "is missing or has a different size than when the store was closed"
	f("a table is gone", "*.sst", nil, false, changed)
	f("a table is gone after a crash", "*.sst", nil, true, "file")
	f("a table is cut short", "*.sst", half, false, changed)
	f("a table is cut short after a crash", "*.sst", half, true, ".sst")
	f("a table is empty after a crash", "*.sst", nothing, true, ".sst", "truncated")
	f("a table is garbage", "*.sst", garbage, false, ".sst")
	f("the end of a table is garbage", "*.sst", lastByte, false, ".sst")
	f("the list of tables is gone", "MANIFEST", nil, false, changed)
	f("the list of tables is gone after a crash", "MANIFEST", nil, true, "MANIFEST is missing")
	f("the list of tables is cut short", "MANIFEST", func(b []byte) []byte { return b[:len(b)-3] }, false, changed)
	f("the list of tables is empty", "MANIFEST", nothing, true, "MANIFEST")
	f("the list of tables is garbage", "MANIFEST", garbage, false, "MANIFEST")
	f("an entry of the list of tables is garbage", "MANIFEST", lastByte, false, "MANIFEST")
	f("the value log is garbage", "*.vlog", garbage, false)
	f("the key registry is garbage", "KEYREGISTRY", garbage, false)
}

// The log that a killed process leaves may end anywhere.
func TestALogThatEndsEarly(t *testing.T) {
	f := func(name string, change func([]byte) []byte) {
		t.Helper()
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			runAndKill(t, killedDir, dir, 0, 2)
			spoil(t, oneOf(t, dir, "*.mem"), change)
			s := open(t, dir, small)
			defer closed(t, s)
			mark, _, _ := s.Watermark(plainView)
			err := s.EachRow(ctx(), plainView, func(key []byte, eventTime int64, row []byte) error {
				if eventTime < mark.Time || valueOf(t, string(row)) != eventTime {
					t.Errorf("key %x: event time %d is behind the watermark %d", key, eventTime, mark.Time)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	f("cut", func(b []byte) []byte { return b[:1_000_003] })
	f("zeroes", func(b []byte) []byte { clear(b[1_000_003:]); return b })
	f("garbage", func(b []byte) []byte { return append(b[:1_000_003:1_000_003], garbage(b[1_000_003:2_000_000])...) })
}

// A kill may come between the making of a log and its first byte, and between
// its last and its removal.
func TestAnEmptyLog(t *testing.T) {
	for _, name := range []string{"00000.mem", "00999.mem", "000999.vlog"} {
		dir := t.TempDir()
		runAndKill(t, killedDir, dir, 0, 2)
		if err := os.WriteFile(filepath.Join(dir, "rows", name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		s := open(t, dir, small)
		if _, found, err := s.Watermark(plainView); !found || err != nil {
			t.Errorf("%s: the rows have no watermark (%v)", name, err)
		}
		put(t, s, plainView, 1, 77, 1)
		closed(t, s)
		closed(t, open(t, dir, small))
	}
}

// A table whose middle is damaged opens; Run finds it, and reads are refused.
func TestADamagedBlock(t *testing.T) {
	dir := filled(t)
	spoil(t, oneOf(t, dir, "*.sst"), func(b []byte) []byte {
		copy(b[len(b)/3:], "damage")
		return b
	})
	s := open(t, dir, small)
	defer closed(t, s)
	running, stop := contextWithStop(t)
	defer stop()
	found := make(chan error, 1)
	go func() { found <- s.Run(running) }()
	for {
		err := s.Read(ctx(), keysOf(keyOf(plainView, 1)), 1, func(int, int64, []byte) error { return nil })
		if err != nil {
			refused(t, err, "STORE_DAMAGED", dir, remedy)
			break
		}
	}
	refused(t, s.Fault(), "STORE_DAMAGED", dir, remedy)
	stop()
	if err := <-found; err != nil {
		t.Error(err)
	}
}

// Save would otherwise take the rows before the damage for all there are.
func TestASnapshotOfADamagedStore(t *testing.T) {
	dir := filled(t)
	spoil(t, oneOf(t, dir, "*.sst"), func(b []byte) []byte {
		copy(b[len(b)/3:], "damage")
		return b
	})
	s := open(t, dir, small)
	defer closed(t, s)
	var saved bytes.Buffer
	refused(t, s.Save(ctx(), &saved), "STORE_DAMAGED", dir, remedy)
	refused(t, s.Fault(), "STORE_DAMAGED")
	if saved.Len() > 0 {
		t.Errorf("%d bytes of a snapshot were written", saved.Len())
	}
}

func TestAFolderInUse(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, small)
	_, err := online.Open(dir, small)
	refused(t, err, "STORE_IN_USE", dir, "process "+strconv.Itoa(os.Getpid()))
	closed(t, s)
	closed(t, open(t, dir, small))
}

func TestAFolderOfAnotherFormat(t *testing.T) {
	f := func(content, reason, words string) {
		t.Helper()
		dir := filled(t)
		spoil(t, filepath.Join(dir, "FORMAT"), func([]byte) []byte { return []byte(content) })
		_, err := online.Open(dir, small)
		refused(t, err, reason, dir, words)
	}
	f("larder online store, format 2\n", "STORE_FORMAT", "has format 2, and this larder reads 1")
	f("larder online store, format many", "STORE_DAMAGED", "FORMAT doesn't name a format")
	f("", "STORE_DAMAGED", "FORMAT doesn't name a format")
}

func TestAFolderOfAnotherProgram(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "MANIFEST"), []byte("Bdgr"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := online.Open(dir, small)
	refused(t, err, "STORE_FOREIGN", dir, "give Larder its own folder")
}

func TestOptionsAreChecked(t *testing.T) {
	_, err := online.Open(t.TempDir(), online.Options{WriteBufferBytes: 1, MinFreeBytes: -1})
	if err == nil || !strings.Contains(err.Error(), "8 MiB to 1 GiB") || !strings.Contains(err.Error(), "0 or more") {
		t.Errorf("error %v; want both faults", err)
	}
}
