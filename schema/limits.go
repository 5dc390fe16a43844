package schema

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// The default limits of a model's runs, and the range that definitions may set.
const (
	DefaultRunTime   = Duration(10 * time.Second)
	DefaultRunMemory = MemorySize(1 << 30)

	minRunTime   = Duration(time.Millisecond)
	maxRunTime   = Duration(10 * time.Minute)
	minRunMemory = MemorySize(1 << 20)
	maxRunMemory = MemorySize(1 << 40)
)

// ModelLimits bound the time and memory of a model's runs. 0 means the default.
type ModelLimits struct {
	Time   Duration   `json:"time,omitempty"`   // of one run
	Memory MemorySize `json:"memory,omitempty"` // of all current runs together, without the model's weights
}

// RunTime returns how long a run may take.
func (m *Model) RunTime() time.Duration {
	if m.Limits != nil && m.Limits.Time != 0 {
		return m.Limits.Time.Std()
	}
	return DefaultRunTime.Std()
}

// RunMemory returns how many bytes all runs together may take.
func (m *Model) RunMemory() int64 {
	if m.Limits != nil && m.Limits.Memory != 0 {
		return int64(m.Limits.Memory)
	}
	return int64(DefaultRunMemory)
}

func (v *validator) limits(path string, m *Model) {
	l := m.Limits
	if l == nil {
		return
	}
	if l.Time != 0 && (l.Time < minRunTime || l.Time > maxRunTime) {
		v.addf(path+".limits.time", "model %q: limits.time must be from %s to %s, not %s", m.Name, minRunTime, maxRunTime, l.Time)
	}
	if l.Memory != 0 && (l.Memory < minRunMemory || l.Memory > maxRunMemory) {
		v.addf(path+".limits.memory", "model %q: limits.memory must be from %s to %s, not %s", m.Name, minRunMemory, maxRunMemory, l.Memory)
	}
}

// MemorySize is an amount of memory, written as in 64MiB, 1GiB or 4096.
type MemorySize int64

// byteUnits are powers of 1024, the largest first.
var byteUnits = []struct {
	name string
	size MemorySize
}{{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}}

// ParseMemorySize reads an amount of memory.
func ParseMemorySize(s string) (MemorySize, error) {
	for _, unit := range byteUnits {
		digits, found := strings.CutSuffix(s, unit.name)
		if !found {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 63)
		if err != nil || n > uint64(math.MaxInt64/unit.size) {
			break
		}
		return MemorySize(n) * unit.size, nil
	}
	return 0, fmt.Errorf("%q is not an amount of memory; write a whole number and a unit, as in 64MiB or 1GiB", s)
}

// String returns b in the largest unit that divides it.
func (b MemorySize) String() string {
	for _, unit := range byteUnits {
		if b != 0 && b%unit.size == 0 {
			return strconv.FormatInt(int64(b/unit.size), 10) + unit.name
		}
	}
	return "0"
}

// MarshalText writes b as String does; [encoding/json] uses it.
func (b MemorySize) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads an amount of memory.
func (b *MemorySize) UnmarshalText(text []byte) error {
	parsed, err := ParseMemorySize(string(text))
	if err != nil {
		return err
	}
	*b = parsed
	return nil
}
