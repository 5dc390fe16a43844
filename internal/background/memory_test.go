package background_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"larder/internal/background"
)

func TestMemory(t *testing.T) {
	f := func(want int64, files map[string]string) {
		t.Helper()
		root := t.TempDir()
		for name, text := range files {
			path := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := background.MemoryUnder(root); got != want {
			t.Errorf("%v: %d, want %d", files, got, want)
		}
	}
	machine := "MemTotal:       16384 kB\nMemFree:         1024 kB\n"
	f(math.MaxInt64, nil)
	f(16<<20, map[string]string{"proc/meminfo": machine})
	f(16<<20, map[string]string{"proc/meminfo": machine, "sys/fs/cgroup/memory.max": "max\n"})
	f(4096, map[string]string{"proc/meminfo": machine, "sys/fs/cgroup/memory.max": "4096\n"})
	f(4096, map[string]string{"proc/meminfo": machine, "sys/fs/cgroup/memory/memory.limit_in_bytes": "4096\n"})
	f(8192, map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "8192\n"})
	f(16<<20, map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "0::/../../x\n1:cpu:/\n"})
	f(math.MaxInt64, map[string]string{"proc/meminfo": "MemTotal: many kB\n", "sys/fs/cgroup/memory.max": "-1\n"})
}

func TestPace(t *testing.T) {
	f := func(live, gathers int64, want int) {
		t.Helper()
		if got := background.Pace(live, gathers); got != want {
			t.Errorf("%d bytes alive, %d may gather: %d percent, want %d", live, gathers, got, want)
		}
	}
	f(100<<20, 256<<20, 250)
	f(1<<30, 256<<20, 20)
	f(100<<30, 256<<20, 10)
	f(0, 256<<20, 1600)
}
