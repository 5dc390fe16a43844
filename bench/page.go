package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"larder/internal/wholefile"
)

// A section of a page is what lies between the lines <!-- larder bench: NAME --> and
// <!-- end of NAME -->.
func marks(name string) (begin, end string) {
	return "<!-- larder bench: " + name + " -->\n", "<!-- end of " + name + " -->\n"
}

// Write puts text into a section of a page, which has it already; prose around it stays.
func Write(path, section, text string) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	begin, end := marks(section)
	before, rest, found := bytes.Cut(page, []byte(begin))
	if !found {
		return fmt.Errorf("%s has no line %s", path, strings.TrimSpace(begin))
	}
	_, after, found := bytes.Cut(rest, []byte(end))
	if !found {
		return fmt.Errorf("%s has no line %s after %s", path, strings.TrimSpace(end), strings.TrimSpace(begin))
	}
	return wholefile.Write(path, []byte(string(before)+begin+text+end+string(after)), 0o644)
}

// machine describes the machine, the time and the commit of figures.
func machine(commit string, now time.Time) string {
	cpu := runtime.GOARCH
	if raw, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(raw)) {
			if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
				cpu = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, larder %s, %s, %s/%s, %d cores (%s).\n", now.UTC().Format(time.DateOnly), commit, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), cpu)
}

// WriteBars writes bars into a section of a page.
func WriteBars(path, section, commit string, bars []Bar) error {
	var out strings.Builder
	fmt.Fprintf(&out, "\n%s\n| what | figure | baseline | ratio | bar | |\n|---|---|---|---|---|---|\n", machine(commit, time.Now()))
	for _, b := range bars {
		c := b.cells()
		fmt.Fprintf(&out, "| %s |\n", strings.Join(c[:], " | "))
	}
	out.WriteByte('\n')
	return Write(path, section, out.String())
}

// WriteOverload writes loads and bars into the section overload of a page.
func WriteOverload(path, commit string, o *Overloaded) error {
	var out strings.Builder
	fmt.Fprintf(&out, "\n%s\n", machine(commit, time.Now()))
	out.WriteString("| load | come/s | answered/s | answered | p50, p99 µs | refused p50, p99 µs | generator |\n|---|---|---|---|---|---|---|\n")
	for _, a := range o.Loads {
		fmt.Fprintf(&out, "| %s | %.0f | %.0f | %.1f %% | %.0f, %.0f | %.0f, %.0f | %.0f %% |\n",
			a.Name, a.Rate, a.Answered, 100*a.Share, a.P50, a.P99, a.RefusedP50, a.RefusedP99, 100*o.Generator[a.Name])
	}
	out.WriteString("\n| what | figure | baseline | ratio | bar | |\n|---|---|---|---|---|---|\n")
	for _, b := range o.Bars {
		c := b.cells()
		fmt.Fprintf(&out, "| %s |\n", strings.Join(c[:], " | "))
	}
	out.WriteByte('\n')
	return Write(path, "overload", out.String())
}

// WriteScenarios writes reports into the section scenarios of a page, and the plot of
// those that differ in rows to a folder beside the page, of its name.
func WriteScenarios(path, commit string, reports []*Report) error {
	var out strings.Builder
	fmt.Fprintf(&out, "\n%s\n", machine(commit, time.Now()))
	out.WriteString("| flags | larder p50, p99 µs | echo p50, p99 µs | p50 ratio | p99 ratio | requests/s | rows/s | lost µs |\n|---|---|---|---|---|---|---|---|\n")
	for _, r := range reports {
		lost := "" // with many requests in flight there are no parts
		if r.Parts != nil {
			lost = fmt.Sprintf("%.0f of %.0f", r.Parts.Lost, r.Parts.Whole)
		}
		fmt.Fprintf(&out, "| `%s` | %.0f, %.0f | %.0f, %.0f | %.2f | %.2f | %.0f | %.0f | %s |\n", r.Scenario.flags(),
			r.Larder.P50, r.Larder.P99, r.Echo.P50, r.Echo.P99, r.Ratios.P50, r.Ratios.P99, r.Larder.RequestsPerSecond, r.Larder.RowsPerSecond, lost)
	}
	folder := strings.TrimSuffix(path, filepath.Ext(path))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if err := wholefile.Write(filepath.Join(folder, "rows.svg"), []byte(plotRows(reports)), 0o644); err != nil {
		return err
	}
	fmt.Fprintf(&out, "\n![latency by the rows of a request](%s/rows.svg)\n\n", filepath.Base(folder))
	return Write(path, "scenarios", out.String())
}

// flags are the flags of larder bench that make the scenario, except the duration.
func (s Scenario) flags() string {
	usual := DefaultScenario()
	var out []string
	add := func(name string, value, other any) {
		if value != other {
			out = append(out, fmt.Sprintf("--%s %v", name, value))
		}
	}
	add("views", s.Views, usual.Views)
	add("features", s.Features, usual.Features)
	add("rows", s.Rows, usual.Rows)
	add("entities", s.Entities, usual.Entities)
	add("keys", s.Keys, usual.Keys)
	add("model", s.Model, usual.Model)
	add("trees", s.Trees, usual.Trees)
	add("concurrency", s.Concurrency, usual.Concurrency)
	add("rate", s.Rate, usual.Rate)
	if s.Cold {
		out = append(out, "--cold")
	}
	if s.WhileMaterializing {
		out = append(out, "--while-materializing")
	}
	return strings.Join(out, " ")
}
