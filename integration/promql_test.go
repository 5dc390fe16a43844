package integration_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metricsql"
	"github.com/google/go-cmp/cmp"
)

// series are the labels of metrics, by name, with the values that were seen of each.
type series map[string]map[string][]string

// ofPrometheus are the labels that a scrape adds.
var ofPrometheus = []string{"job", "instance"}

// sample is a line of /metrics.
var (
	sample = regexp.MustCompile(`(?m)^([a-z_]\w*)(?:\{(.*)\})? \S+$`)
	label  = regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)
)

// add adds what /metrics says.
func (s series) add(page string) {
	for _, line := range sample.FindAllStringSubmatch(page, -1) {
		labels := s[line[1]]
		if labels == nil {
			labels = map[string][]string{}
			s[line[1]] = labels
		}
		for _, l := range label.FindAllStringSubmatch(line[2], -1) {
			if !slices.Contains(labels[l[1]], l[2]) {
				labels[l[1]] = append(labels[l[1]], l[2])
			}
		}
	}
}

// check returns the labels of what an expression gives, and what of it is no metric or no
// label of one. A nil list means labels that nobody knows, as of a number.
func (s series) check(text string) (labels, faults []string) {
	e, err := metricsql.Parse(text)
	if err != nil {
		return nil, []string{err.Error()}
	}
	labels = s.labelsOf(e, func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) })
	return labels, faults
}

func (s series) labelsOf(e metricsql.Expr, fault func(string, ...any)) []string {
	switch e := e.(type) {
	case *metricsql.MetricExpr:
		return s.selected(e, fault)
	case *metricsql.RollupExpr:
		return s.labelsOf(e.Expr, fault)
	case *metricsql.FuncExpr:
		var all []string
		for _, arg := range e.Args {
			all = append(all, s.labelsOf(arg, fault)...)
		}
		if e.Name == "histogram_quantile" {
			all = slices.DeleteFunc(all, func(l string) bool { return l == "le" })
		}
		return all
	case *metricsql.AggrFuncExpr:
		var all []string
		for _, arg := range e.Args {
			all = append(all, s.labelsOf(arg, fault)...)
		}
		if e.Name == "topk" {
			return all
		}
		wanted(e.Modifier, all, fault)
		return e.Modifier.Args
	case *metricsql.BinaryOpExpr:
		left, right := s.labelsOf(e.Left, fault), s.labelsOf(e.Right, fault)
		for _, side := range [][]string{left, right} {
			if side != nil {
				wanted(e.GroupModifier, side, fault)
			}
		}
		if left == nil {
			return right
		}
		return left
	case *metricsql.NumberExpr, *metricsql.StringExpr, *metricsql.DurationExpr:
		return nil
	}
	fault("an expression of an unknown kind: %T", e)
	return nil
}

// wanted faults labels of by, on and the like that what they group has not.
func wanted(m metricsql.ModifierExpr, has []string, fault func(string, ...any)) {
	for _, name := range m.Args {
		if !slices.Contains(has, name) {
			fault("%s (%s): there is only %q", m.Op, name, has)
		}
	}
}

func (s series) selected(e *metricsql.MetricExpr, fault func(string, ...any)) (labels []string) {
	for _, filters := range e.LabelFilterss {
		name := ""
		for _, f := range filters {
			if f.Label == "__name__" {
				name = f.Value
			}
		}
		known, found := s[name]
		if !found {
			fault("there is no metric %s", name)
			continue
		}
		labels = slices.Concat(labels, sorted(known), ofPrometheus)
		for _, f := range filters {
			values := known[f.Label]
			if f.Label == "__name__" || slices.Contains(ofPrometheus, f.Label) {
				continue
			}
			if _, found := known[f.Label]; !found {
				fault("%s has no label %s", name, f.Label)
			} else if len(values) > 0 && !f.IsNegative && !slices.Contains(rare, f.Label) && !slices.ContainsFunc(values, matches(f)) {
				fault("%s: %s is none of %q, but %q", name, f.Label, values, f.Value)
			}
		}
	}
	return labels
}

// rare are labels of which the traffic of the test doesn't bring every value.
var rare = []string{"code", "limit", "reason"}

func matches(f metricsql.LabelFilter) func(string) bool {
	if !f.IsRegexp {
		return func(value string) bool { return value == f.Value }
	}
	pattern := regexp.MustCompile("^(?:" + f.Value + ")$")
	return pattern.MatchString
}

// recorded are the labels of a metric of a recording rule: its name begins with them.
func recorded(name string) map[string][]string {
	prefix, _, _ := strings.Cut(name, ":")
	labels := map[string][]string{}
	for _, l := range strings.Split(prefix, "_") {
		labels[l] = nil
	}
	return labels
}

// TestQueriesAreChecked: a query that no server could answer is found out.
func TestQueriesAreChecked(t *testing.T) {
	have := series{}
	have.add("# HELP a_total Help.\na_total{view=\"spend\",state=\"failed\"} 3\na_total{view=\"s\\\"\",state=\"succeeded\"} 1e-05\nb_bucket{le=\"+Inf\"} 1\nc 0\n")
	f := func(query string, labels, faults []string) {
		t.Helper()
		gotLabels, gotFaults := have.check(query)
		slices.Sort(gotLabels)
		if diff := cmp.Diff(labels, slices.Compact(gotLabels)); diff != "" {
			t.Errorf("%s: labels (-want +got):\n%s", query, diff)
		}
		if diff := cmp.Diff(faults, gotFaults); diff != "" {
			t.Errorf("%s: faults (-want +got):\n%s", query, diff)
		}
	}
	all := []string{"instance", "job", "state", "view"}
	f(`rate(a_total{state=~"failed|other",job="larder"}[5m]) > 2 * c`, all, nil)
	f(`sum by (view) (increase(a_total{state!="nothing"}[1h] offset 5m)) > 0`, []string{"view"}, nil)
	f(`histogram_quantile(0.9, sum by (job, le) (rate(b_bucket[5m])))`, []string{"job"}, nil)
	f(`1 - c`, []string{"instance", "job"}, nil)
	f(`a_totals`, nil, []string{"there is no metric a_totals"})
	f(`a_total{model="m"}`, all, []string{"a_total has no label model"})
	f(`a_total{state="running"}`, all, []string{`a_total: state is none of ["failed" "succeeded"], but "running"`})
	f(`sum by (model) (c)`, []string{"model"}, []string{`by (model): there is only ["job" "instance"]`})
	f(`c and on (view) a_total`, []string{"instance", "job"}, []string{`on (view): there is only ["job" "instance"]`})
}
