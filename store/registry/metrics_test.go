package registry_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"larder/internal/pgtest"
	"larder/migrations"
)

// wantMetrics waits for the metrics of a node.
func (n *node) wantMetrics(t *testing.T, answers, refused int) {
	t.Helper()
	want := fmt.Sprintf(`
# HELP larder_registry_catalog_refused 1 while the newest version of the definitions can't be served, and an older one is.
# TYPE larder_registry_catalog_refused gauge
larder_registry_catalog_refused %d
# HELP larder_registry_postgres_answers 1 while the registry's Postgres answers.
# TYPE larder_registry_postgres_answers gauge
larder_registry_postgres_answers %d
`, refused, answers)
	eventually(t, fmt.Sprintf("metrics: answers %d, refused %d", answers, refused), func() bool {
		return testutil.GatherAndCompare(n.metrics, strings.NewReader(want)) == nil
	})
}

func TestMetrics(t *testing.T) {
	cluster := pgtest.Cluster(t)
	if _, err := migrations.Up(ctx(), cluster.DSN()); err != nil {
		t.Fatal(err)
	}
	dir, stored := t.TempDir(), new(rows)
	n, err := newNode(t, cluster.DSN(), dir, stored)
	if err != nil {
		t.Fatal(err)
	}
	n.run(t)
	n.await(t, n.apply(t, definitions(1), "ann"))
	n.wantMetrics(t, 1, 0)
	n.setRefusal(errors.New("no model file"))
	n.apply(t, definitions(2), "ann")
	n.wantMetrics(t, 1, 1)
	n.setRefusal(nil)
	n.wantMetrics(t, 1, 0)
	if err := cluster.Stop(); err != nil {
		t.Fatal(err)
	}
	n.wantMetrics(t, 0, 0)
	kept, err := newNode(t, cluster.DSN(), dir, stored) // it never had an answer
	if err != nil {
		t.Fatal(err)
	}
	kept.wantMetrics(t, 0, 0)
}
