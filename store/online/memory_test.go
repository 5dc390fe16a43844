package online_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"larder/store/online"
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
		if got := online.Memory(root); got != want {
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
