package training

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"larder/schema"
)

// A Manifest describes a training set: enough to name it, to see whether another set
// was built from the same data, and to compare it with features served later.
type Manifest struct {
	ID              string    `json:"id"` // sorts by the time of building
	CreatedAt       time.Time `json:"created_at"`
	FeatureService  string    `json:"feature_service"` // or a model, or "the list of features"
	CatalogVersion  int64     `json:"catalog_version"`
	Fingerprint     string    `json:"fingerprint"` // of the definitions
	AsOf            AsOf      `json:"as_of"`
	EventTimeColumn string    `json:"event_time_column"`
	Rows            int64     `json:"rows"`
	// SpineDigest is the hex SHA-256 of the spine as an Arrow IPC stream with
	// batches of 8192 rows and no metadata.
	SpineDigest string              `json:"spine_digest"`
	Views       []ViewCounts        `json:"views"`
	Features    []FeatureStatistics `json:"features"`
	Warnings    []string            `json:"warnings,omitempty"`
}

// ViewCounts count the results of a set's rows in one view.
type ViewCounts struct {
	View    string `json:"view"`
	Found   int64  `json:"found"`   // rows that are fresh enough
	Missing int64  `json:"missing"` // none
	Expired int64  `json:"expired"` // rows that are older than the TTL
	// Hidden are the rows, among all of the above, that would have got another source row
	// by event time alone. That row arrived after their time.
	Hidden int64 `json:"hidden"`
	// BadRows is how often rows of the source were found that don't convert.
	// Materialization skips them too.
	BadRows int64 `json:"bad_rows"`
}

// A report collects statistics of the batches of a set.
type report struct {
	set        *Set
	views      []ViewCounts
	statistics []*statistic
	warnings   []string
}

func newReport(s *Set) (*report, error) {
	r := &report{set: s}
	for _, v := range s.views {
		r.views = append(r.views, ViewCounts{View: v.Name})
	}
	for _, f := range s.req.Plan.Features {
		x, err := newStatistic(f.Type)
		if err != nil {
			return nil, err
		}
		r.statistics = append(r.statistics, x)
	}
	return r, nil
}

// add adds a batch.
func (r *report) add(x *built) {
	for i := range r.views {
		v := &r.views[i]
		v.Found += x.statuses[i][schema.StatusPresent]
		v.Missing += x.statuses[i][schema.StatusNotFound]
		v.Expired += x.statuses[i][schema.StatusOutsideMaxAge]
		v.Hidden += x.tallies[i].hidden
		v.BadRows += x.tallies[i].bad
	}
	first := int(x.rec.NumCols()) - len(r.statistics)
	for i, s := range r.statistics {
		s.add(x.rec.Column(first + i))
		for status, n := range x.values[i] {
			s.statuses[status] += n
		}
	}
}

func (r *report) missingIndex(view, statement string) {
	r.warnings = append(r.warnings, fmt.Sprintf("feature view %q: its source has no index on its join keys and event time, so its whole history is read; create one with %s", view, statement))
}

// manyHidden is the share of hidden rows that triggers a warning.
const manyHidden = 0.05

func (r *report) hidden(rows int64) {
	for i, v := range r.views {
		if float64(v.Hidden) <= manyHidden*float64(rows) {
			continue
		}
		source := r.set.views[i].Origin
		r.warnings = append(r.warnings, fmt.Sprintf("feature view %q: for %d of %d rows a newer value existed but had not arrived yet (by %s of source %q), so serving could not have known it; "+
			"if that is only because the source was backfilled, build the set with as_of: event_time", v.View, v.Hidden, rows, source.CreatedTimestampColumn, source.Name))
	}
}

func (r *report) manifest(digest string, rows int64, now time.Time) *Manifest {
	r.hidden(rows)
	plan := r.set.req.Plan
	m := &Manifest{
		ID: newID(now), CreatedAt: now.UTC(), FeatureService: plan.Name(), CatalogVersion: plan.Catalog.Version, Fingerprint: plan.Catalog.Fingerprint,
		AsOf: r.set.req.AsOf, EventTimeColumn: r.set.req.EventTimeColumn, Rows: rows, SpineDigest: digest, Views: r.views, Warnings: r.warnings,
	}
	if plan.Service != nil {
		m.FeatureService = plan.Service.Name
	}
	for i, f := range plan.Features {
		m.Features = append(m.Features, r.statistics[i].result(columnName(f.Name), f.Type))
	}
	return m
}

// newID returns a unique id: the time and a random part.
func newID(now time.Time) string {
	var random [5]byte
	_, _ = rand.Read(random[:]) // never fails
	return now.UTC().Format("20060102T150405.000") + "-" + hex.EncodeToString(random[:])
}
