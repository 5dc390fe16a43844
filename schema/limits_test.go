package schema_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"larder/schema"
)

func TestMemorySizesAreReadAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := schema.MemorySize(rapid.Int64Min(0).Draw(t, "bytes"))
		if got, err := schema.ParseMemorySize(want.String()); err != nil || got != want {
			t.Fatalf("%d is written %s and read as %d (%v)", want, want, got, err)
		}
	})
	for _, s := range []string{"", "GiB", "-1", "1.5GiB", "1GB", "1 GiB", "9223372036854775808", "8388608TiB", "0x10"} {
		if got, err := schema.ParseMemorySize(s); err == nil {
			t.Errorf("%q is read as %s", s, got)
		}
	}
}

func TestLimitsOfAModel(t *testing.T) {
	m := schema.Model{}
	if m.RunTime() != 10*time.Second || m.RunMemory() != 1<<30 {
		t.Errorf("by default a run takes %s and %d bytes", m.RunTime(), m.RunMemory())
	}
	m.Limits = &schema.ModelLimits{Time: schema.Duration(time.Second), Memory: 1 << 20}
	if m.RunTime() != time.Second || m.RunMemory() != 1<<20 {
		t.Errorf("with limits a run takes %s and %d bytes", m.RunTime(), m.RunMemory())
	}
}
