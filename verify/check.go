package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"larder/schema"
	"larder/store/online"
	"larder/store/row"
	"larder/training"
	"larder/vector"
)

// A checker compares the keys of one view.
type checker struct {
	Options
	req     Request
	view    *schema.View
	plan    *schema.Plan // of all features of the view
	program *vector.Program
	mark    online.Watermark
	report  *Report
}

func newChecker(opts Options, req Request) (*checker, error) {
	c := &checker{Options: opts, req: req, view: req.View}
	mark, found, err := opts.Online.Watermark(req.View.ID)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, schema.Errorf(schema.FailedPrecondition, "NEVER_MATERIALIZED", "feature view %q was never materialized here, so there is nothing to compare; run `larder materialize %s`", req.View.Name, req.View.Name)
	}
	c.mark = mark
	if c.plan, err = req.View.Catalog.FeaturesPlan([]string{req.View.Name + ":*"}); err != nil {
		return nil, err
	}
	if c.program, err = vector.Compile(c.plan); err != nil {
		return nil, err
	}
	c.report = &Report{View: req.View.Name, Time: mark.Time, Counts: map[Kind]int64{}}
	for _, f := range req.View.Features {
		c.report.Features = append(c.report.Features, FeatureReport{Name: f.Name})
	}
	return c, nil
}

// check compares the keys of a block, and empties it.
func (c *checker) check(ctx context.Context, b *block) error {
	if b.len() == 0 {
		return nil
	}
	differ, err := c.compare(ctx, b, 0)
	if err != nil {
		return err
	}
	for range b.len() - len(differ) {
		c.report.add(Equal)
	}
	if len(differ) > 0 {
		again := &block{}
		for _, i := range differ {
			again.keys, again.times = append(again.keys, b.keys[i.row]), append(again.times, b.times[i.row])
		}
		if err := c.judge(ctx, again); err != nil {
			return err
		}
	}
	b.reset()
	if c.req.Progress != nil {
		c.req.Progress(c.report.Keys)
	}
	return nil
}

// judge looks again at keys that differed, and says how they do.
func (c *checker) judge(ctx context.Context, b *block) error {
	mark, _, err := c.Online.Watermark(c.view.ID)
	if err != nil {
		return err
	}
	for i := range b.times { // rows may have come since
		b.times[i] = max(b.times[i], mark.Time)
	}
	if err := c.refresh(ctx, b); err != nil {
		return err
	}
	differ, err := c.compare(ctx, b, 0)
	if err != nil {
		return err
	}
	// What the source answered when all of it was due: a store that has that is
	// behind, and not wrong.
	due, err := c.compare(ctx, b, mark.Time-c.view.Origin.LatenessMicros())
	if err != nil {
		return err
	}
	now := make(map[int]bool, len(due))
	for _, d := range due {
		now[d.row] = true
	}
	for range b.len() - len(differ) {
		c.report.add(Equal)
	}
	for _, d := range differ {
		// A row past the watermark is one of a run that goes on, or of a range: the
		// rows beside it need not be there yet.
		if !now[d.row] || d.moved && b.times[d.row] > mark.Time {
			d.Kind = Stale
		}
		d.Key = c.describe(b.keys[d.row])
		c.report.add(d.Kind)
		c.report.show(d.Difference)
		if d.Kind == Mismatched {
			for _, f := range d.features {
				c.report.Features[f].Mismatched++
			}
		}
	}
	return nil
}

// refresh sets the time of each key to where the row that is stored now counts.
func (c *checker) refresh(ctx context.Context, b *block) error {
	var keys row.Keys
	for _, key := range b.keys {
		keys.Append(func(dst []byte) []byte { return append(dst, key...) })
	}
	return c.Online.Read(ctx, &keys, func(i int, eventTime int64, stored []byte) error {
		header, err := row.ParseHeader(stored)
		if err == nil {
			b.times[i] = max(b.times[i], eventTime, header.Ingest)
		}
		return err
	})
}

// A different is a key of a block that is not answered alike.
type different struct {
	Difference
	row      int
	moved    bool  // the two answer with rows of different event times
	features []int // that differ
}

// compare answers the keys of a block both ways and returns those that differ,
// in order. With due, the source answers as it did at that time.
func (c *checker) compare(ctx context.Context, b *block, due int64) ([]different, error) {
	served, err := c.serve(ctx, b)
	if err != nil {
		return nil, err
	}
	times := b.times
	if due != 0 {
		times = slices.Repeat([]int64{due}, b.len())
	}
	spine := newSpine(c.view.Keys, b.keys, times)
	defer spine.Release()
	var mu sync.Mutex
	var differ []different
	set, err := training.New(c.History, spine.Schema(), training.Request{Plan: c.plan, EventTimeColumn: timeColumn, Vectors: func(first int64, trained *vector.Batch) error {
		var found []different
		for i := range trained.Rows() {
			at := int(first) + i
			if d, same := c.compareRow(served, at, b.times[at], trained, i, times[at]); !same {
				d.row = at
				found = append(found, d)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		differ = append(differ, found...)
		return nil
	}})
	if err != nil {
		return nil, err
	}
	if _, err := set.Run(ctx, spine, func(arrowRecord) error { return nil }); err != nil {
		return nil, err
	}
	slices.SortFunc(differ, func(a, b different) int { return a.row - b.row })
	return differ, nil
}

// serve answers the keys of a block as a request for them is answered.
func (c *checker) serve(ctx context.Context, b *block) (*vector.Batch, error) {
	batch := c.program.NewBatch()
	batch.Reset(b.len(), 0)
	batch.SetTimes(b.times)
	columns, err := keyColumns(c.view.Keys, b.keys)
	if err != nil {
		return nil, err
	}
	if err := batch.BindKeys(columns); err != nil {
		return nil, err
	}
	if err := batch.BindRequest(vector.Columns{}); err != nil {
		return nil, err
	}
	batch.WantColumns()
	if err := c.Online.Read(ctx, batch.Keys(), batch.Visit); err != nil {
		return nil, err
	}
	return batch, batch.Finish()
}

// compareRow compares row i of what is served with row j of a training set, each
// answered at a time of its own.
func (c *checker) compareRow(served *vector.Batch, i int, at int64, trained *vector.Batch, j int, then int64) (different, bool) {
	online, source := served.Statuses(0)[i], trained.Statuses(0)[j]
	onlineEvent, sourceEvent := at-served.Ages(0)[i], then-trained.Ages(0)[j]
	var d different
	switch {
	case online == schema.StatusNotFound && source == schema.StatusNotFound:
		return d, true
	case online == schema.StatusNotFound:
		d.Kind, d.Online, d.Source = Missing, online.String(), found(source, sourceEvent)
		return d, false
	case source == schema.StatusNotFound:
		d.Kind, d.Online, d.Source = Extra, found(online, onlineEvent), source.String()
		return d, false
	case online != source && onlineEvent == sourceEvent && at != then:
		return d, true // the same row, which has expired meanwhile
	case online != source, onlineEvent != sourceEvent:
		d.moved = onlineEvent != sourceEvent
		d.Kind, d.Online, d.Source = Mismatched, found(online, onlineEvent), found(source, sourceEvent)
		return d, false
	}
	a, b := served.Columns(), trained.Columns()
	for f := range a {
		if a[f].Statuses[i] == b[f].Statuses[j] && sameValue(&a[f], i, &b[f], j) {
			continue
		}
		if d.features = append(d.features, f); len(d.features) == 1 {
			d.Kind, d.Feature = Mismatched, c.view.Features[f].Name
			d.Online, d.Source = text(&a[f], i), text(&b[f], j)
		}
	}
	return d, len(d.features) == 0
}

func found(status schema.Status, eventTime int64) string {
	return fmt.Sprintf("%s, of %s", status, moment(eventTime))
}

// describe returns a key as a person reads it.
func (c *checker) describe(key []byte) string {
	_, values, err := row.DecodeKey(key, c.view.Keys)
	if err != nil {
		return err.Error()
	}
	parts := make([]string, len(values))
	for i, k := range c.view.Keys {
		parts[i] = k.Name + "=" + string(schema.AppendValue(nil, values[i]))
	}
	return strings.Join(parts, " ")
}
