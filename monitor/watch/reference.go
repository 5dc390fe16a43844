package watch

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"larder/monitor/profile"
	"larder/schema"
)

// The parts of a reference. Each is made by itself: a training set has no scores.
const (
	Features = "features"
	Score    = "score"
)

// scoreColumn is the column of part score, and statusPrefix begins those of statuses.
const (
	scoreColumn  = "score"
	statusPrefix = "status:"
)

// A Reference is what one part of what a model's version is fed is compared with. It doesn't
// change.
type Reference struct {
	// Dataset is the id of the training set that it comes from; empty: the first rows that
	// the version was fed.
	Dataset string   `json:"dataset,omitempty"`
	Columns []Column `json:"columns"`
}

// A Column is one column of a reference.
type Column struct {
	Name    string           `json:"name"`
	Profile *profile.Profile `json:"profile"`
}

// ID returns the hex SHA-256 of the reference's JSON, cut to 16 digits.
func (r *Reference) ID() string {
	raw, err := json.Marshal(r)
	if err != nil {
		panic("watch: a reference that has no JSON: " + err.Error())
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:8])
}

// TrainedColumn returns the column of a feature of which a training set has a profile.
func TrainedColumn(f *schema.PlanFeature, p *profile.Profile) Column {
	if kindOf(f) == profile.Nulls {
		p = &profile.Profile{Counts: []int64{p.Rows - p.Nulls}, Rows: p.Rows, Nulls: p.Nulls}
	}
	return Column{f.Name, p}
}

// statuses are the categories of a column of statuses, in the order of their numbers.
func statuses() []string {
	return []string{schema.StatusPresent.String(), schema.StatusNullValue.String(), schema.StatusNotFound.String(), schema.StatusOutsideMaxAge.String()}
}

// IsStatus reports whether a column is that of the statuses of a view.
func IsStatus(column string) bool { return strings.HasPrefix(column, statusPrefix) }

// StatusColumn returns the column of the statuses of a view, of which each status came so often.
func StatusColumn(view string, counts map[schema.Status]int64) Column {
	p := &profile.Profile{Categories: statuses()}
	for _, s := range []schema.Status{schema.StatusPresent, schema.StatusNullValue, schema.StatusNotFound, schema.StatusOutsideMaxAge} {
		p.Counts = append(p.Counts, counts[s])
		p.Rows += counts[s]
	}
	p.Counts = append(p.Counts, 0)
	return Column{statusPrefix + view, p}
}
