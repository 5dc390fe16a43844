package integration_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// A rule is one of deploy/prometheus/rules.yaml.
type rule struct {
	Record, Alert, Expr string
	Labels, Annotations map[string]string
}

func rulesOf(t *testing.T) (all []rule) {
	t.Helper()
	var file struct{ Groups []struct{ Rules []rule } }
	if err := yaml.Unmarshal([]byte(read(t, "../deploy/prometheus/rules.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

// A dashboard is what the test reads of one of deploy/grafana.
type dashboard struct {
	UID        string
	Templating struct {
		List []struct {
			Name, Type, Definition string
			Datasource             *struct{ UID string }
		}
	}
	Panels []panel
}

type panel struct {
	ID                       int
	Type, Title, Description string
	Datasource               *struct{ UID string }
	Targets                  []struct {
		Expr, LegendFormat string
		Datasource         struct{ UID string }
	}
}

func dashboardsOf(t *testing.T) map[string]dashboard {
	t.Helper()
	all := map[string]dashboard{}
	for _, name := range []string{"service", "models", "data"} {
		var d dashboard
		if err := json.Unmarshal([]byte(read(t, "../deploy/grafana/"+name+".json")), &d); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[name] = d
	}
	return all
}

// asked replaces the variables of a dashboard by values.
var asked = strings.NewReplacer("$__rate_interval", "5m", "$job", ".*", "$instance", ".*", "$model", ".*", "$view", ".*")

// documented are the metrics of the tables in docs, with their labels.
func documented(t *testing.T) series {
	t.Helper()
	metric, quoted := regexp.MustCompile("`(larder_[a-z]+_\\w+)(?:\\{([^`]*)\\})?`"), regexp.MustCompile("`(\\w+)`")
	all := series{}
	for _, page := range []string{"operations.md", "streams.md", "experiments.md"} {
		for line := range strings.Lines(read(t, "../docs/"+page)) {
			if !strings.HasPrefix(line, "| `larder_") {
				continue
			}
			cells := strings.Split(line, "|")
			var before string
			for _, m := range metric.FindAllStringSubmatch(cells[1], -1) {
				labels := map[string][]string{}
				if m[2] == "..." { // as the one before
					m[2] = before
				}
				before = m[2]
				for _, l := range strings.FieldsFunc(m[2], func(r rune) bool { return r == ',' || r == ' ' }) {
					labels[l] = nil
				}
				if page == "operations.md" {
					for _, l := range quoted.FindAllStringSubmatch(cells[2], -1) {
						labels[l[1]] = nil
					}
				}
				all[m[1]] = labels
			}
		}
	}
	return all
}

// withDocumented adds documented metrics that the traffic of the test didn't bring, and
// faults documents that say something else than the servers.
func (s series) withDocumented(t *testing.T) {
	t.Helper()
	docs := documented(t)
	for _, name := range sorted(s) {
		base := name
		for _, suffix := range []string{"_bucket", "_count", "_sum"} {
			if short := strings.TrimSuffix(name, suffix); docs[short] != nil {
				base = short
			}
		}
		if !strings.HasPrefix(name, "larder_") {
			continue
		}
		labels := maps.Clone(s[name])
		delete(labels, "le")
		if docs[base] == nil {
			t.Errorf("docs don't have %s", name)
		} else if diff := cmp.Diff(sorted(docs[base]), sorted(labels)); diff != "" {
			t.Errorf("labels of %s (-docs +server):\n%s", name, diff)
		}
	}
	for _, name := range sorted(docs) {
		if s[name] == nil && s[name+"_count"] == nil {
			t.Logf("from docs, not from a server: %s", name)
			s[name] = docs[name]
		}
	}
}

// TestDashboardsAndAlerts: every metric that the dashboards and the alerts ask for, and
// every label of it, is one that servers have.
func TestDashboardsAndAlerts(t *testing.T) {
	t.Parallel()
	have := series{"up": {}}
	have.add(busy(t).httpText("/metrics"))
	have.add(refusing(t))
	have.withDocumented(t)
	for _, r := range rulesOf(t) {
		labels, faults := have.check(r.Expr)
		if r.Record != "" {
			have[r.Record] = recorded(r.Record)
			if diff := cmp.Diff(sorted(have[r.Record]), slices.Sorted(slices.Values(labels))); diff != "" {
				faults = append(faults, "labels (-of its name +of its expression):\n"+diff)
			}
		}
		for _, f := range faults {
			t.Errorf("%s%s: %s", r.Record, r.Alert, f)
		}
		for _, m := range regexp.MustCompile(`\$labels\.(\w+)`).FindAllStringSubmatch(fmt.Sprint(r.Annotations), -1) {
			if !slices.Contains(labels, m[1]) {
				t.Errorf("%s: an annotation has label %s, and the alert has %q", r.Alert, m[1], labels)
			}
		}
	}
	for name, d := range dashboardsOf(t) {
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				labels, faults := have.check(asked.Replace(target.Expr))
				for _, f := range faults {
					t.Errorf("%s, %q: %s", name, p.Title, f)
				}
				for _, m := range regexp.MustCompile(`\{\{(\w+)\}\}`).FindAllStringSubmatch(target.LegendFormat, -1) {
					if !slices.Contains(labels, m[1]) {
						t.Errorf("%s, %q: the legend has label %s, and the query gives %q", name, p.Title, m[1], labels)
					}
				}
			}
		}
	}
}

// TestDashboardsAreOfNoInstallation: they ask the data source that is chosen, every panel
// says what it shows, and Prometheus itself takes each query.
func TestDashboardsAreOfNoInstallation(t *testing.T) {
	const chosen = "${datasource}"
	rules, n := "groups:\n- name: dashboards\n  rules:\n", 0
	for name, d := range dashboardsOf(t) {
		if d.UID != "larder-"+name || d.Templating.List[0].Type != "datasource" {
			t.Errorf("%s: its uid is %q, and its first variable a %s", name, d.UID, d.Templating.List[0].Type)
		}
		for _, v := range d.Templating.List[1:] {
			if v.Datasource == nil || v.Datasource.UID != chosen {
				t.Errorf("%s: variable %s asks another data source", name, v.Name)
			}
		}
		ids := map[int]bool{}
		for _, p := range d.Panels {
			if ids[p.ID] {
				t.Errorf("%s: two panels %d", name, p.ID)
			}
			ids[p.ID] = true
			if p.Type == "row" {
				continue
			}
			if p.Description == "" || len(p.Targets) == 0 || p.Datasource == nil || p.Datasource.UID != chosen {
				t.Errorf("%s, %q: no description, no query, or another data source", name, p.Title)
			}
			for _, target := range p.Targets {
				if target.Datasource.UID != chosen {
					t.Errorf("%s, %q: a query asks another data source", name, p.Title)
				}
				n++
				rules += fmt.Sprintf("  - {record: 'asked:%d', expr: %q}\n", n, asked.Replace(target.Expr))
			}
		}
	}
	const promtool = "../.larder/prometheus/promtool"
	if _, err := os.Stat(promtool); err != nil {
		t.Fatalf("%v; run tools/setup/prometheus.sh", err)
	}
	path := filepath.Join(t.TempDir(), "asked.yaml")
	writeFile(t, filepath.Dir(path), filepath.Base(path), rules)
	out, err := exec.Command(promtool, "check", "rules", path).CombinedOutput()
	if err != nil || n < 50 {
		t.Errorf("%d queries: %v\n%s", n, err, out)
	}
}

// TestAlertsSayWhatToDo: each alert has a severity, a summary, and a description with a
// command that exists and has the flags that are named.
func TestAlertsSayWhatToDo(t *testing.T) {
	quoted := regexp.MustCompile(`"larder ([^"]+)"`)
	for _, r := range rulesOf(t) {
		if r.Alert == "" {
			continue
		}
		if s := r.Labels["severity"]; s != "page" && s != "ticket" {
			t.Errorf("%s: severity %q", r.Alert, s)
		}
		commands := quoted.FindAllStringSubmatch(r.Annotations["description"], -1)
		if r.Annotations["summary"] == "" || len(commands) == 0 {
			t.Errorf("%s: no summary, or no command in its description", r.Alert)
		}
		for _, c := range commands {
			var words, flags []string
			for _, w := range strings.Fields(c[1]) {
				switch {
				case strings.HasPrefix(w, "--"):
					flags = append(flags, w)
				case w == strings.ToLower(w) && !strings.ContainsAny(w, "{$}") && len(flags) == 0:
					words = append(words, w)
				}
			}
			help, _, code := runLarder(t, append(slices.Clone(words), "--help")...)
			if code != 0 || !strings.Contains(help, "\n  larder "+strings.Join(words, " ")) {
				t.Errorf("%s: no command larder %q", r.Alert, words)
			}
			for _, f := range flags {
				if !strings.Contains(help, f) {
					t.Errorf("%s: larder %q has no flag %s", r.Alert, words, f)
				}
			}
		}
	}
}
