package featurelog_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"larder/column"
	"larder/monitor"
	"larder/monitor/featurelog"
)

// scoredText is a row as text, the score by its bits.
func scoredText(s *featurelog.Scored) string {
	return fmt.Sprintf("%q row %d %s version %d at %d score %x sent %q", s.RequestID, s.Row, s.Role, s.ModelVersion, s.At, math.Float64bits(s.Score), s.Sent)
}

// TestRead: offered requests are read the same from files and from the table, within
// the query's time, while the log is being written.
func TestRead(t *testing.T) {
	plan := typedPlan(t)
	var sent []string // the columns of integers and of strings
	for i, typ := range everyType {
		if typ.IsInteger() || typ.String() == "string" {
			sent = append(sent, plan.Request[i].Name)
		}
	}
	entries := drawEntries(plan)
	q := featurelog.Query{Model: plan.Model.Name, From: 100, Until: 199, Sent: sent}
	var want []string
	for i, e := range entries {
		e.At = int64(i)
		e.RequestID = strings.ReplaceAll(e.RequestID, "\x00", "")
		if i%3 == 0 {
			e.Role = monitor.Shadow
		}
		for row := range e.Rows {
			s := &featurelog.Scored{RequestID: e.RequestID, Row: int32(row), Role: monitor.Serve, ModelVersion: plan.ModelVersion.Version, At: e.At, Score: e.Scores[row]}
			if e.Role != "" {
				s.Role = e.Role
			}
			for k, v := range e.Request.Values {
				if slices.Contains(sent, e.Request.Names[k]) {
					s.Sent = append(s.Sent, sentText(v, row))
				}
			}
			if slices.Contains(s.Sent, null) {
				s.Sent = nil
			}
			if e.At >= q.From && e.At <= q.Until {
				want = append(want, scoredText(s))
			}
		}
	}
	slices.Sort(want)
	f := func(dir string, opts featurelog.Options) {
		t.Helper()
		log := start(t, dir, opts)
		for _, e := range entries {
			log.Offer(e)
		}
		var got []string
		missing, err := log.Read(t.Context(), q, func(s *featurelog.Scored) error {
			got = append(got, scoredText(s))
			return nil
		})
		slices.Sort(got)
		if diff := cmp.Diff(want, got); err != nil || len(missing) > 0 || diff != "" {
			t.Errorf("%v, missing %v (-want +got):\n%s", err, missing, diff)
		}
		stop := errors.New("stop")
		if _, err := log.Read(t.Context(), q, func(*featurelog.Scored) error { return stop }); !errors.Is(err, stop) {
			t.Errorf("a visitor that stops: %v", err)
		}
		q := q
		q.Model = "other"
		if _, err := log.Read(t.Context(), q, func(s *featurelog.Scored) error { return fmt.Errorf("%s", scoredText(s)) }); err != nil {
			t.Errorf("another model: %v", err)
		}
		log.end()
	}
	dir := t.TempDir()
	f(dir, featurelog.Options{})
	f("", featurelog.Options{Table: openPostgres(t)})

	log := start(t, dir, featurelog.Options{})
	if err := os.WriteFile(filepath.Join(dir, q.Model, "9-9-x.parquet"), []byte("PAR1 no"), 0o644); err != nil {
		t.Fatal(err)
	}
	missing, err := log.Read(t.Context(), q, func(*featurelog.Scored) error { return nil })
	if err != nil || len(missing) != 1 || !strings.Contains(missing[0].String(), "9-9-x.parquet") {
		t.Errorf("a broken file: %v, %v", missing, err)
	}
}

const null = "null!"

func sentText(c column.Column, row int) string {
	one := cells(c)[row]
	if one == nil {
		return null
	}
	return fmt.Sprint(one)
}
