package background

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
)

// Memory returns how many bytes of memory this process may use: what the machine
// has, or less where a control group or GOMEMLIMIT says so; math.MaxInt64 where that
// can't be found out.
func Memory() int64 { return memory("/") }

// memory is Memory of a machine whose files are under root.
func memory(root string) int64 {
	least := debug.SetMemoryLimit(-1)
	groups := []string{"sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"}
	own, _ := os.ReadFile(filepath.Join(root, "proc/self/cgroup")) // no file, no group
	for line := range strings.Lines(string(own)) {
		if path, unified := strings.CutPrefix(strings.TrimSpace(line), "0::"); unified {
			groups = append(groups, filepath.Join("sys/fs/cgroup", filepath.Clean("/"+path), "memory.max"))
		}
	}
	for _, path := range groups {
		text, _ := os.ReadFile(filepath.Join(root, path))
		if limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && limit > 0 {
			least = min(least, limit)
		}
	}
	machine, _ := os.ReadFile(filepath.Join(root, "proc/meminfo"))
	for line := range strings.Lines(string(machine)) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[0] == "MemTotal:" {
			if kib, err := strconv.ParseInt(fields[1], 10, 53); err == nil {
				least = min(least, kib<<10)
			}
		}
	}
	return least
}
