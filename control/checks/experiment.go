package checks

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"larder/control/definitions"
	"larder/internal/background"
	"larder/models/experiment"
	"larder/models/traffic"
	"larder/monitor"
	"larder/monitor/featurelog"
	"larder/schema"
)

const defaultAlpha = 0.05

// An ExperimentRequest asks for a comparison of the versions of a model.
type ExperimentRequest struct {
	Model        string
	Metric       string   // empty: experiment.AUC
	Threshold    *float64 // nil: the threshold of the labels
	Control      int64    // the version to compare the others with; 0: the one that is served
	Since, Until *int64   // microseconds since 1970 UTC; nil: the last traffic change, and now
	Alpha        float64  // 0: 0.05
}

// An Experiment is a comparison of the versions of a model by the labels of the rows
// that they scored.
type Experiment struct {
	Model        string
	Question     experiment.Question
	Since, Until int64
	Unit         []string // the columns that name the unit
	Rows         int      // read from the log
	Notes        []string
	Missing      []string // files of the log that can't be read to their end, why, and how many rows
	Report       *experiment.Report
}

// Experiment compares the versions of a model by the labels of the rows that they
// scored. It calls progress while it runs, and stops when progress returns an error.
func (c *Checker) Experiment(ctx context.Context, req ExperimentRequest, progress func(rows, labels int) error) (*Experiment, error) {
	t, err := c.newTrial(ctx, req)
	if err != nil {
		return nil, err
	}
	report, err := t.run(ctx, progress)
	if err != nil {
		return nil, err
	}
	return &Experiment{
		Model: t.model.Name, Question: t.question, Since: t.since, Until: t.until, Unit: t.unit, Rows: t.data.Rows(), Notes: t.notes, Missing: t.missing(), Report: report,
	}, nil
}

// A trial is one comparison of the versions of a model.
type trial struct {
	checker      *Checker
	model        *schema.Model
	labels       *schema.View
	question     experiment.Question
	since, until int64
	sinceChange  bool // nobody named another start
	now          time.Time
	unit         []string // the columns that name the unit
	notes        []string
	damaged      []featurelog.Damage
	data         *experiment.Data
	badLabels    int // label rows that can't be read
	firstBad     string
}

func (c *Checker) newTrial(ctx context.Context, req ExperimentRequest) (*trial, error) {
	catalog := c.Registry.Catalog()
	model, err := definitions.FindModel(&catalog.Definitions, req.Model)
	if err != nil {
		return nil, err
	}
	switch {
	case c.Offline == nil:
		return nil, errNoPostgres()
	case c.FeatureLog == nil:
		return nil, schema.NoFeatureLog.Errorf("this server keeps no feature log; start it with --feature-log-table or --feature-log DIR")
	case model.Labels == nil:
		return nil, schema.NoLabels.Errorf("model %q has no labels; add labels: to its definition", model.Name)
	}
	t := &trial{checker: c, model: model, labels: catalog.LabelsView(model), now: time.Now()}
	t.since, t.until = schema.BeginningOfTime, t.now.UnixMicro()
	if req.Until != nil {
		t.until = min(t.until, *req.Until)
	}
	if err := t.ask(req, catalog); err != nil {
		return nil, err
	}
	if req.Since != nil {
		t.since = max(t.since, *req.Since)
	} else if err := t.begin(ctx); err != nil {
		return nil, err
	}
	t.sinceChange = req.Since == nil
	if t.since > t.until {
		return nil, schema.BadTime.Errorf("the time range starts at %s but ends before that, at %s; choose an earlier start or a later end", shownTime(t.since), shownTime(t.until))
	}
	t.data = experiment.NewData(experiment.Options{Within: model.Labels.Within.Micros()})
	return t, nil
}

func shownTime(micros int64) string { return time.UnixMicro(micros).UTC().Format(time.RFC3339) }

// ask sets the question: the metric, and which units each version should score.
func (t *trial) ask(req ExperimentRequest, catalog *schema.Catalog) error {
	threshold := t.model.Labels.DecidesAt()
	if req.Threshold != nil {
		threshold = *req.Threshold
	}
	metric, err := experiment.ParseMetric(cmp.Or(req.Metric, experiment.AUC), threshold, t.values())
	if err != nil {
		return schema.UnknownMetric.Errorf("model %q: %v", t.model.Name, err)
	}
	t.question = experiment.Question{Metric: metric, Alpha: cmp.Or(req.Alpha, defaultAlpha), Control: cmp.Or(req.Control, t.model.Served())}
	if a := t.question.Alpha; !(a > 0 && a < 0.5) {
		return schema.BadAlpha.Errorf("alpha is %v; use a number above 0 and below 0.5, such as 0.05", a)
	}
	if err := definitions.HasVersion(t.model, t.question.Control); err != nil {
		return err
	}
	if !t.model.Splits() {
		plan, err := catalog.ServicePlan(t.model.FeatureService)
		if err != nil {
			return err
		}
		for _, k := range plan.Keys {
			t.unit = append(t.unit, k.Name)
		}
		return nil
	}
	t.unit = []string{t.model.SplitBy}
	return t.split(catalog)
}

// values are the names of the labels' values.
func (t *trial) values() (names []string) {
	for _, v := range t.model.Labels.Values {
		names = append(names, v.Name)
	}
	return names
}

// metrics returns the names of all metrics of the model.
func (t *trial) metrics() []string {
	names := slices.Clone(experiment.Metrics)
	for _, v := range t.values() {
		names = append(names, experiment.MeanOf+v)
	}
	return names
}

// split sets which version each unit goes to now, and the weights of the versions.
func (t *trial) split(catalog *schema.Catalog) error {
	router := traffic.NewRouter(traffic.Options{Rollouts: t.checker.Registry.Rollouts, Logger: t.checker.Logger})
	split := router.Splits(catalog)[t.model.Name]
	control := slices.IndexFunc(split.Arms, func(a traffic.Arm) bool { return a.Version == t.question.Control })
	if control < 0 {
		return schema.BadControl.Errorf("version %d is not in the traffic of model %q; choose a control that is", t.question.Control, t.model.Name)
	}
	for i, buckets := range split.Weights(t.now) {
		t.question.Weights = append(t.question.Weights, experiment.Weight{Version: split.Arms[i].Version, Share: float64(buckets) / (traffic.Buckets / 100)})
	}
	w := t.question.Weights
	w[0], w[control] = w[control], w[0]
	t.question.Assigned = func(unit string) int64 { return split.Arms[split.Arm(traffic.Bucket(split.Salt, unit), t.now)].Version }
	return nil
}

// begin sets since to the last change of the model's traffic.
func (t *trial) begin(ctx context.Context) error {
	history, err := t.checker.Registry.ModelHistory(ctx)
	if err != nil {
		return err
	}
	for i := range history {
		if then := history[i].Model(t.model.Name); then == nil || !sameRequests(then, t.model) {
			break
		}
		t.since = history[i].AppliedAt.UnixMicro()
	}
	ramp, known := t.checker.Registry.Rollouts()[t.model.Name]
	if t.model.Ramp == nil || !known || ramp.ID != t.model.RolloutID() {
		return nil
	}
	switch ended := ramp.Began.Add(time.Duration(t.model.Ramp.Over)); {
	case ramp.Trip != nil:
		t.notes = append(t.notes, fmt.Sprintf("a guard sent all traffic of version %d back to the control: %s", t.model.Ramp.Version, ramp.Trip.Reason))
	case ended.After(t.now):
		t.notes = append(t.notes, fmt.Sprintf("the ramp of version %d runs until %s; until then the versions are compared over different times", t.model.Ramp.Version, shownTime(ended.UnixMicro())))
	default:
		t.since = max(t.since, ended.UnixMicro())
	}
	return nil
}

// sameRequests reports whether a and b send the same requests to the same model files.
func sameRequests(a, b *schema.Model) bool {
	if a.Served() != b.Served() || !slices.Equal(a.Traffic, b.Traffic) || !slices.Equal(a.Shadow, b.Shadow) || a.RolloutID() != b.RolloutID() ||
		a.Splits() && (a.SplitBy != b.SplitBy || a.SplitSalt() != b.SplitSalt()) || a.FeatureService != b.FeatureService {
		return false
	}
	versions := append([]int64{a.Served()}, a.Shadow...)
	for _, w := range a.Traffic {
		versions = append(versions, w.Version)
	}
	for _, v := range versions {
		if a.Version(v) == nil || b.Version(v) == nil || a.Version(v).SHA256 != b.Version(v).SHA256 {
			return false
		}
	}
	return true
}

// run reads the log and the labels and compares the versions, on a low-priority thread.
func (t *trial) run(ctx context.Context, progress func(rows, labels int) error) (*experiment.Report, error) {
	return background.Do(ctx, func(ctx context.Context) (*experiment.Report, error) { return t.compare(ctx, progress) })
}

func (t *trial) compare(ctx context.Context, progress func(rows, labels int) error) (*experiment.Report, error) {
	if err := t.readLog(ctx, progress); err != nil {
		return nil, err
	}
	if err := t.noteEarlier(ctx); err != nil {
		return nil, err
	}
	if err := t.readLabels(ctx, progress); err != nil {
		return nil, err
	}
	if t.badLabels > 0 {
		t.notes = append(t.notes, fmt.Sprintf("skipped %d rows of source %q that are not labels; the first has %s", t.badLabels, t.labels.Origin.Name, t.firstBad))
	}
	return t.data.Report(t.question), nil
}

// progressRows is the number of rows between two calls of progress.
const progressRows = 10_000

func (t *trial) readLog(ctx context.Context, progress func(rows, labels int) error) error {
	keys := t.model.Labels.Keys
	q := featurelog.Query{Model: t.model.Name, From: t.since, Until: t.until, Sent: slices.Concat(t.unit, keys)}
	damaged, err := t.checker.FeatureLog.Read(ctx, q, func(r *featurelog.Scored) error {
		row := experiment.Row{Version: r.ModelVersion, Shadow: r.Role == monitor.Shadow, Request: r.RequestID, Number: r.Row, At: r.At, Score: r.Score}
		if r.Sent == nil { // logged before the definitions named all these columns
			row.Unit = "request " + r.RequestID
		} else {
			row.Unit, row.Keys = strings.Join(r.Sent[:len(t.unit)], "\x1f"), r.Sent[len(t.unit):]
		}
		if err := t.data.Add(&row); err != nil {
			return schema.TooManyRows.Errorf("model %q: %v", t.model.Name, err)
		}
		if t.data.Rows()%progressRows == 0 {
			return progress(t.data.Rows(), 0)
		}
		return ctx.Err()
	})
	t.damaged = damaged
	return err
}

// noteEarlier says that there are rows, when none counts because all are dated before the
// traffic changed: a request that asks for features as of a past time has that time.
func (t *trial) noteEarlier(ctx context.Context) error {
	if !t.sinceChange || t.data.Rows() > 0 || t.since == schema.BeginningOfTime {
		return nil
	}
	rows, first := 0, t.since
	q := featurelog.Query{Model: t.model.Name, From: schema.BeginningOfTime, Until: t.since - 1}
	_, err := t.checker.FeatureLog.Read(ctx, q, func(r *featurelog.Scored) error {
		rows, first = rows+1, min(first, r.At)
		return ctx.Err()
	})
	if rows > 0 {
		t.notes = append(t.notes, fmt.Sprintf("%d rows don't count, because their requests are dated before the last change of the model's traffic, at %s; to count them, name an earlier start: --since %s",
			rows, shownTime(t.since), shownTime(first)))
	}
	return err
}

// missing says what is missing of the log.
func (t *trial) missing() (texts []string) {
	for _, d := range t.damaged {
		texts = append(texts, d.String())
	}
	return texts
}
