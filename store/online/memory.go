package online

import (
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
)

const (
	leastCacheBytes = 256 << 20
	cacheShare      = 8
)

// defaultCacheBytes is an eighth of the available memory, if that is known.
func defaultCacheBytes() int64 {
	if have := memory("/"); have < math.MaxInt64 {
		return max(leastCacheBytes, have/cacheShare)
	}
	return leastCacheBytes
}

// memory returns how many bytes of memory this process may use: the memory of the
// machine, or less if a control group or GOMEMLIMIT says so. root is / except in
// tests.
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
