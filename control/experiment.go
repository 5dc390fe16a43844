package control

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"

	larderv1 "larder/api/larder/v1"
	"larder/control/definitions"
	"larder/internal/background"
	"larder/models/experiment"
	"larder/models/traffic"
	"larder/monitor/featurelog"
	"larder/schema"
)

const defaultAlpha = 0.05

// GetExperiment compares versions of a model by what became of what they scored.
func (s *Server) GetExperiment(req *larderv1.GetExperimentRequest, stream grpc.ServerStreamingServer[larderv1.GetExperimentResponse]) error {
	t, err := s.newTrial(stream.Context(), req)
	if err != nil {
		return err
	}
	told := time.Now()
	report, err := t.run(stream.Context(), func(rows, labels int) error {
		if time.Since(told) < progressInterval {
			return nil
		}
		told = time.Now()
		return stream.Send(&larderv1.GetExperimentResponse{Rows: int64(rows), Labels: int64(labels)})
	})
	if err != nil {
		return err
	}
	return stream.Send(&larderv1.GetExperimentResponse{Rows: int64(t.data.Rows()), Labels: int64(report.Outcomes), Report: t.message(report)})
}

// A trial is one comparison of the versions of a model.
type trial struct {
	server       *Server
	model        *schema.Model
	labels       *schema.View
	question     experiment.Question
	since, until int64
	now          time.Time
	unit         []string // the columns that name the unit
	notes        []string
	data         *experiment.Data
	badLabels    int // that can't be read
	firstBad     string
}

func (s *Server) newTrial(ctx context.Context, req *larderv1.GetExperimentRequest) (*trial, error) {
	catalog := s.Registry.Catalog()
	model, err := definitions.FindModel(&catalog.Definitions, req.GetModel())
	if err != nil {
		return nil, err
	}
	switch {
	case s.Offline == nil:
		return nil, noPostgres()
	case s.FeatureLog == nil:
		return nil, schema.Errorf(schema.FailedPrecondition, "NO_FEATURE_LOG", "this server keeps no feature log; start it with --feature-log-table, or --feature-log DIR")
	case model.Labels == nil:
		return nil, schema.Errorf(schema.FailedPrecondition, "NO_LABELS", "nobody says what became of what model %q scored; write labels: in its definition", model.Name)
	}
	t := &trial{server: s, model: model, labels: catalog.LabelsView(model), now: time.Now()}
	t.since, t.until = schema.BeginningOfTime, t.now.UnixMicro()
	if req.Until != nil {
		t.until = min(t.until, req.GetUntil())
	}
	if err := t.ask(req, catalog); err != nil {
		return nil, err
	}
	if req.Since != nil {
		t.since = max(t.since, req.GetSince())
	} else if err := t.begin(ctx); err != nil {
		return nil, err
	}
	if t.since > t.until {
		return nil, schema.Errorf(schema.Invalid, "BAD_TIME", "the time begins at %s and ends before, at %s", shownTime(t.since), shownTime(t.until))
	}
	t.data = experiment.NewData(experiment.Options{Within: model.Labels.Within.Micros()})
	return t, nil
}

func shownTime(micros int64) string { return time.UnixMicro(micros).UTC().Format(time.RFC3339) }

// ask makes the question: by which metric, and which version should have which units.
func (t *trial) ask(req *larderv1.GetExperimentRequest, catalog *schema.Catalog) error {
	threshold := t.model.Labels.DecidesAt()
	if req.Threshold != nil {
		threshold = req.GetThreshold()
	}
	metric, err := experiment.ParseMetric(cmp.Or(req.GetMetric(), experiment.AUC), threshold, t.values())
	if err != nil {
		return schema.Errorf(schema.Invalid, "UNKNOWN_METRIC", "model %q: %v", t.model.Name, err)
	}
	t.question = experiment.Question{Metric: metric, Alpha: cmp.Or(req.GetAlpha(), defaultAlpha), Control: cmp.Or(req.GetControl(), t.model.Served())}
	if a := t.question.Alpha; !(a > 0 && a < 0.5) {
		return schema.Errorf(schema.Invalid, "BAD_ALPHA", "alpha is %v; it is a share of experiments above 0 and below 0.5", a)
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

// metrics are all that there are of the model.
func (t *trial) metrics() []string {
	names := slices.Clone(experiment.Metrics)
	for _, v := range t.values() {
		names = append(names, experiment.MeanOf+v)
	}
	return names
}

// split says which version each unit is sent to now, and with which weights.
func (t *trial) split(catalog *schema.Catalog) error {
	router := traffic.NewRouter(traffic.Options{Rollouts: t.server.Registry.Rollouts, Logger: t.server.Logger})
	split := router.Splits(catalog)[t.model.Name]
	control := slices.IndexFunc(split.Arms, func(a traffic.Arm) bool { return a.Version == t.question.Control })
	if control < 0 {
		return schema.Errorf(schema.Invalid, "BAD_CONTROL", "version %d has no part in the traffic of model %q; compare with one that has", t.question.Control, t.model.Name)
	}
	for i, buckets := range split.Weights(t.now) {
		t.question.Weights = append(t.question.Weights, experiment.Weight{Version: split.Arms[i].Version, Share: float64(buckets) / (traffic.Buckets / 100)})
	}
	w := t.question.Weights
	w[0], w[control] = w[control], w[0]
	t.question.Assigned = func(unit string) int64 { return split.Arms[split.Arm(traffic.Bucket(split.Salt, unit), t.now)].Version }
	return nil
}

// begin sets since to when the traffic of the model became what it is.
func (t *trial) begin(ctx context.Context) error {
	history, err := t.server.Registry.ModelHistory(ctx)
	if err != nil {
		return err
	}
	for i := range history {
		if then := history[i].Model(t.model.Name); then == nil || !sameRequests(then, t.model) {
			break
		}
		t.since = history[i].AppliedAt.UnixMicro()
	}
	ramp, known := t.server.Registry.Rollouts()[t.model.Name]
	if t.model.Ramp == nil || !known || ramp.ID != t.model.RolloutID() {
		return nil
	}
	switch ended := ramp.Began.Add(time.Duration(t.model.Ramp.Over)); {
	case ramp.Trip != nil:
		t.notes = append(t.notes, fmt.Sprintf("a guard has sent all traffic of version %d back: %s", t.model.Ramp.Version, ramp.Trip.Reason))
	case ended.After(t.now):
		t.notes = append(t.notes, fmt.Sprintf("the ramp of version %d goes on until %s: until then the versions have seen different times", t.model.Ramp.Version, shownTime(ended.UnixMicro())))
	default:
		t.since = max(t.since, ended.UnixMicro())
	}
	return nil
}

// sameRequests tells whether versions of the same files got the same requests.
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

// run reads the log and the labels, on a thread of low priority, and compares.
func (t *trial) run(ctx context.Context, progress func(rows, labels int) error) (*experiment.Report, error) {
	type result struct {
		report *experiment.Report
		err    error
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan result, 1)
	go func() {
		background.Thread()
		report, err := t.compare(ctx, progress)
		done <- result{report, err}
	}()
	r := <-done
	return r.report, r.err
}

func (t *trial) compare(ctx context.Context, progress func(rows, labels int) error) (*experiment.Report, error) {
	if err := t.readLog(ctx, progress); err != nil {
		return nil, err
	}
	if err := t.readLabels(ctx, progress); err != nil {
		return nil, err
	}
	if t.badLabels > 0 {
		t.notes = append(t.notes, fmt.Sprintf("%d rows of source %q are no labels, the first because of %s", t.badLabels, t.labels.Origin.Name, t.firstBad))
	}
	return t.data.Report(t.question), nil
}

// progressRows is after how many rows progress is told.
const progressRows = 10_000

func (t *trial) readLog(ctx context.Context, progress func(rows, labels int) error) error {
	keys := t.model.Labels.Keys
	q := featurelog.Query{Model: t.model.Name, From: t.since, Until: t.until, Sent: slices.Concat(t.unit, keys)}
	return t.server.FeatureLog.Read(ctx, q, func(r *featurelog.Scored) error {
		row := experiment.Row{Version: r.ModelVersion, Shadow: r.Role == featurelog.Shadow, Request: r.RequestID, Number: r.Row, At: r.At, Score: r.Score}
		if r.Sent == nil { // of before the definitions asked for all of it
			row.Unit = "request " + r.RequestID
		} else {
			row.Unit, row.Keys = strings.Join(r.Sent[:len(t.unit)], "\x1f"), r.Sent[len(t.unit):]
		}
		if err := t.data.Add(&row); err != nil {
			return schema.Errorf(schema.Exhausted, "TOO_MANY_ROWS", "model %q: %v", t.model.Name, err)
		}
		if t.data.Rows()%progressRows == 0 {
			return progress(t.data.Rows(), 0)
		}
		return ctx.Err()
	})
}

// message returns a report as it is sent.
func (t *trial) message(r *experiment.Report) *larderv1.ExperimentReport {
	out := &larderv1.ExperimentReport{
		Model: t.model.Name, Metric: t.question.Metric.Name, Threshold: t.question.Metric.Threshold, Alpha: t.question.Alpha, Since: t.since, Until: t.until,
		Unit: strings.Join(t.unit, ", "), Labels: int64(r.Outcomes), LabelsUnknown: int64(r.Unknown), Notes: t.notes,
	}
	if r.Ratio != nil {
		out.SampleRatio = &larderv1.SampleRatio{ChiSquared: r.Ratio.ChiSquared, PValue: r.Ratio.P, Mismatch: r.Ratio.Mismatch()}
	}
	for _, v := range r.Versions {
		m := &larderv1.ExperimentVersion{
			ModelVersion: v.Version, Role: string(v.Role), Weight: v.Share, Rows: int64(v.Rows), Units: int64(v.Units), Undefined: int64(v.Undefined),
			Labelled: int64(v.Labelled), Positives: int64(v.Positives), Figure: estimateMessage(v.Figure), Verdict: v.Verdict,
		}
		if d := v.Difference; d != nil {
			m.Difference, m.PValue, m.Paired = estimateMessage(d.Interval), &d.P, d.Paired
		}
		out.Versions = append(out.Versions, m)
	}
	return out
}

func estimateMessage(i experiment.Interval) *larderv1.Estimate {
	switch {
	case math.IsNaN(i.Value):
		return nil
	case math.IsNaN(i.Low):
		return &larderv1.Estimate{Value: i.Value}
	}
	return &larderv1.Estimate{Value: i.Value, Low: &i.Low, High: &i.High}
}
