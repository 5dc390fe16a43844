package definitions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"larder/schema"
	"larder/scoring"
	"larder/store/registry"
	"larder/stream/codec"
	"larder/vector"
)

func modelSums(c *schema.Catalog) []string {
	plans := c.ModelPlans()
	sums := make([]string, len(plans))
	for i, p := range plans {
		sums[i] = p.ModelVersion.SHA256
	}
	return sums
}

// checkModels reads each model file, binds it to its feature service and runs it. It
// skips those that are missing.
func (e *Editor) checkModels(ctx context.Context, next *registry.Proposal, missing []string) ([]Report, error) {
	var reports []Report
	var faults []error
	for _, p := range next.Catalog.ModelPlans() {
		if slices.Contains(missing, p.ModelVersion.SHA256) {
			continue
		}
		checked, err := e.checkModel(ctx, p, !next.Reverts() && !e.knows(p))
		if err == nil {
			err = needsScore(p.Model, checked)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("model %q version %d: %w", p.Model.Name, p.ModelVersion.Version, err))
			continue
		}
		if next.Owns(p.Model.Name) {
			reports = append(reports, Report{p, checked})
		}
	}
	return reports, joinFaults(schema.BadModel, faults)
}

// needsScore refuses a version without a score where something is decided by scores.
func needsScore(m *schema.Model, checked *scoring.Checked) error {
	what := ""
	switch {
	case checked.Score != nil:
		return nil
	case m.Labels != nil:
		what = "labels: compares scores with what became of the rows"
	case m.Ramp != nil && m.Ramp.Guards != nil && m.Ramp.Guards.ScoreDistance > 0:
		what = "the guard score_distance compares scores"
	default:
		return nil
	}
	return schema.NoScore.Errorf("it has no score, and %s; name the score with output: and column: (%s)", what, checked.Scoreless)
}

func missingModels(sums []string) error {
	return schema.ModelFileMissing.Errorf("the registry has no model files with SHA-256 %s; `larder apply DIR` sends them", strings.Join(sums, ", "))
}

// checkModel refuses a model that can't be scored or that was trained on other
// features. Only a new version is refused when its features have other values than in
// training: otherwise nobody could change a definition before retraining its models.
func (e *Editor) checkModel(ctx context.Context, p *schema.Plan, isNew bool) (*scoring.Checked, error) {
	file, err := e.Registry.ModelFile(ctx, p.ModelVersion.SHA256)
	if err != nil {
		return nil, err
	}
	stamp, err := scoring.ReadStamp(file)
	if err != nil {
		return nil, err
	}
	if err := stamp.CheckFeatures(p); err != nil {
		return nil, err
	}
	if isNew {
		if err := stamp.CheckFingerprint(p); err != nil {
			return nil, err
		}
	}
	return e.Models.Check(ctx, p, file)
}

// knows reports whether a plan's model version is already in the serving catalog.
func (e *Editor) knows(p *schema.Plan) bool {
	old, err := e.Registry.Catalog().ModelPlan(p.Model.Name, p.ModelVersion.Version)
	return err == nil && old.ModelVersion.SHA256 == p.ModelVersion.SHA256 && old.Service.Name == p.Service.Name
}

// Which sources checkSources checks.
type which int

const (
	changedSources which = iota // of views, streams and models' labels, that are new or changed
	allSources                  // those of the project too: a table may have changed under definitions that did not
)

// trialsTime is how long the rows of changed sources may be tried, all together.
const trialsTime = 10 * time.Second

// checkSources checks the sources of views and of models' labels, and tries the rows of
// views that are new or changed. The notes tell of
// what is probably a mistake.
func (e *Editor) checkSources(ctx context.Context, p *registry.Proposal, which which) (notes []string, err error) {
	next, serving := p.Catalog, e.Registry.Catalog()
	wanted := func(name string, changed bool) bool { return changed || which == allSources && p.Owns(name) }
	var faults []error
	began := time.Now()
	check := func(v *schema.View, changed bool) {
		found, err := e.Offline.Check(ctx, v)
		notes = append(notes, found...)
		if err == nil && changed && time.Since(began) < trialsTime {
			found, err = e.Offline.Try(ctx, v)
			notes = append(notes, found...)
		}
		if err != nil {
			faults = append(faults, err)
		}
	}
	for _, v := range next.Views() {
		if v.Stream != nil {
			continue // checkStreams does it
		}
		old, err := serving.View(v.Name)
		if changed := err != nil || !sameSource(old, v); wanted(v.Name, changed) {
			check(v, changed)
		}
	}
	for i := range next.Definitions.Models {
		m := &next.Definitions.Models[i]
		v := next.LabelsView(m)
		if v == nil {
			continue
		}
		old := serving.LabelsView(cmp.Or(serving.Definitions.Model(m.Name), &schema.Model{}))
		if wanted(m.Name, !sameLabels(v, old)) {
			check(v, false)
		}
	}
	found, streamFaults := e.checkStreams(ctx, p, wanted)
	return append(notes, found...), joinFaults(schema.BadSource, append(faults, streamFaults...))
}

// checkStreams checks the logs of streams and how their messages are decoded. The notes
// tell how large the states of keys can get.
func (e *Editor) checkStreams(ctx context.Context, p *registry.Proposal, wanted func(name string, changed bool) bool) (notes []string, faults []error) {
	next, serving := p.Catalog, e.Registry.Catalog()
	for i := range next.Definitions.Streams {
		s := &next.Definitions.Streams[i]
		old, err := serving.Stream(s.Name)
		if !wanted(s.Name, err != nil || !reflect.DeepEqual(old, s)) {
			continue
		}
		if _, err := codec.New(s, codec.Options{}); err != nil {
			faults = append(faults, schema.BadDefinitions.Errorf("stream %q: %v", s.Name, err))
		}
		for _, err := range []error{e.checkHosts(s), e.Logs.Log(s).Check(ctx)} {
			if err != nil {
				faults = append(faults, err)
			}
		}
	}
	sizes, err := vector.CheckAggregates(next)
	if err != nil {
		return nil, append(faults, err)
	}
	for _, v := range next.Views() {
		if n, found := sizes[v.Name]; found && p.Owns(v.Name) {
			notes = append(notes, fmt.Sprintf("aggregate view %s: the state of one key takes at most %d bytes (limit %d)", v.Name, n, schema.MaxStateBytes))
		}
	}
	return notes, faults
}

// createLogs makes the tables of the logs of streams.
func (e *Editor) createLogs(ctx context.Context, next *schema.Catalog) error {
	for i := range next.Definitions.Streams {
		s := &next.Definitions.Streams[i]
		if err := e.Logs.Log(s).Create(ctx, next.StreamViews(s.Name)); err != nil {
			return err
		}
	}
	return nil
}

func sameSource(a, b *schema.View) bool {
	return a.ID == b.ID && reflect.DeepEqual(a.FeatureView, b.FeatureView) && reflect.DeepEqual(a.Origin, b.Origin)
}

func sameLabels(a, b *schema.View) bool {
	return b != nil && reflect.DeepEqual(a.FeatureView, b.FeatureView) && reflect.DeepEqual(a.Keys, b.Keys) && reflect.DeepEqual(a.Origin, b.Origin)
}

// joinFaults combines faults that the caller can fix into one error. If any other
// error is among them, it returns that error alone.
func joinFaults(reason schema.Reason, faults []error) error {
	if len(faults) == 0 {
		return nil
	}
	lines := make([]string, len(faults))
	for i, err := range faults {
		var said *schema.Error
		if !errors.As(err, &said) || said.Kind != schema.Invalid && said.Kind != schema.NotFound {
			return err
		}
		lines[i] = strings.Replace(err.Error(), said.Error(), said.Message, 1)
	}
	return reason.Errorf("%s", strings.Join(lines, "\n"))
}
