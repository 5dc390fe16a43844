package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"

	larderv1 "larder/api/larder/v1"
)

// A Size is the size of a store of some shape.
type Size struct {
	Entities int   `json:"entities"`
	Views    int   `json:"views"`
	Features int   `json:"features"` // of each view, float64
	Disk     int64 `json:"disk_bytes"`
	// Memory is what the server holds with a warm cache, without the files that it
	// maps: RssAnon of Linux.
	Memory int64 `json:"memory_bytes"`
	// MoreMemory is Memory minus that of a server with an almost empty store.
	MoreMemory int64   `json:"more_memory_bytes"`
	DiskRow    float64 `json:"disk_bytes_per_row"`
	MemoryRow  float64 `json:"memory_bytes_per_row"`
}

// shapes are the stores that are measured: the first is the almost empty one.
var shapes = []Size{
	{Entities: 1000, Views: 1, Features: 10},
	{Entities: 1_000_000, Views: 1, Features: 10},
	{Entities: 1_000_000, Views: 5, Features: 10},
	{Entities: 1_000_000, Views: 1, Features: 50},
	{Entities: 200_000, Views: 25, Features: 10},
	{Entities: 5_000_000, Views: 1, Features: 10},
}

// Sizes measures what stores take on the disk and in memory. It reads /proc, so it
// needs Linux.
func Sizes(ctx context.Context, opts Options) ([]Size, error) {
	s := &suite{opts: opts}
	var all []Size
	for _, shape := range shapes {
		if err := s.size(ctx, &shape); err != nil {
			return nil, err
		}
		rows := float64(shape.Entities * shape.Views)
		if len(all) > 0 {
			shape.MoreMemory = shape.Memory - all[0].Memory
			shape.DiskRow, shape.MemoryRow = float64(shape.Disk)/rows, float64(shape.MoreMemory)/rows
		}
		all = append(all, shape)
	}
	return all, nil
}

func (s *suite) size(ctx context.Context, shape *Size) error {
	scenario := DefaultScenario()
	scenario.Entities, scenario.Views, scenario.Features = shape.Entities, shape.Views, shape.Features
	return s.inFolder(func(dir string) error {
		server, err := start(ctx, scenario, s.opts, dir)
		if err != nil {
			return err
		}
		defer server.stop()
		client, err := server.dial()
		if err != nil {
			return err
		}
		defer client.Close()
		status, err := client.Control.GetStatus(ctx, &larderv1.GetStatusRequest{})
		if err != nil {
			return err
		}
		shape.Disk = status.GetDataBytes()
		shape.Memory, err = anonymous(server.Pid())
		return err
	})
}

// anonymous returns the memory of a process that is not mapped from files.
func anonymous(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read the memory use of the server: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "RssAnon:" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/%d/status has no RssAnon", pid)
}

// PrintSizes writes sizes as a table, or as JSON.
func PrintSizes(w io.Writer, sizes []Size, asJSON bool) error {
	if asJSON {
		out := json.NewEncoder(w)
		out.SetIndent("", "  ")
		return out.Encode(sizes)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "ENTITIES\tVIEWS\tFEATURES\tDISK MB\tMEMORY MB\tDISK BYTES/ROW\tMEMORY BYTES/ROW\t")
	for _, s := range sizes {
		fmt.Fprintf(t, "%d\t%d\t%d\t%.0f\t%.0f\t%.0f\t%.0f\t\n", s.Entities, s.Views, s.Features, float64(s.Disk)/1e6, float64(s.Memory)/1e6, s.DiskRow, s.MemoryRow)
	}
	return t.Flush()
}
