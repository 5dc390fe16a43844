package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"larder/schema"
	"larder/store"
	"larder/store/eventlog"
	"larder/store/row"
	"larder/vector"
	"larder/window"
)

// An eventsChecker compares the states of an aggregate view with the log of its stream:
// each with the state that the log's events make, up to the batch that the store has.
type eventsChecker struct {
	req         Request
	online      Store
	log         *eventlog.Log
	aggregation *vector.Aggregation
	evaluators  [2]*vector.Evaluator
	mark        store.Watermark
	state       *window.State
	report      *Report
}

// events compares an aggregate view.
func events(ctx context.Context, opts Options, req Request) (*Report, error) {
	if opts.Logs == nil {
		return nil, schema.NoPostgres.Errorf("this server runs without Postgres and has no log of stream %q to read; start it with --postgres", req.View.Stream.Name)
	}
	mark, found, err := opts.Online.Watermark(req.View.ID)
	if err == nil && mark.Rebuilding {
		err = schema.NeverMaterialized.Errorf("aggregate view %q is being built again on this server; larder stream status %s shows how far it is", req.View.Name, req.View.Stream.Name)
	}
	if err == nil && !found {
		err = schema.NeverMaterialized.Errorf("aggregate view %q has no states on this server yet; larder stream status %s shows how far it is", req.View.Name, req.View.Stream.Name)
	}
	if err != nil {
		return nil, err
	}
	c := &eventsChecker{req: req, online: opts.Online, log: opts.Logs.Log(req.View.Stream), mark: mark, report: &Report{View: req.View.Name, FromLog: true, Time: mark.Time, Counts: map[Kind]int64{}}}
	if c.aggregation, err = vector.NewAggregation(req.View); err != nil {
		return nil, err
	}
	c.evaluators = [2]*vector.Evaluator{c.aggregation.NewEvaluator(nil), c.aggregation.NewEvaluator(nil)}
	c.state = c.aggregation.Program.NewState()
	for _, f := range req.View.Features {
		c.report.Features = append(c.report.Features, FeatureReport{Name: f.Name})
	}
	if req.Sample == 0 {
		return c.report, c.all(ctx)
	}
	if err := c.sample(ctx); err != nil {
		return nil, err
	}
	return c.report, c.lacking(ctx)
}

// A storedState is a state of the store, and the position that it has seen.
type storedState struct {
	key, state []byte
	position   int64
}

// sample compares some states of the store, each as likely as any other.
func (c *eventsChecker) sample(ctx context.Context) error {
	var some []storedState
	seen := 0
	err := c.online.EachRow(ctx, c.req.View.ID, func(key []byte, position int64, state []byte) error {
		if store.Generation(position) < store.Generation(c.mark.Batch) {
			return nil // of an earlier build, and emptied soon
		}
		s := storedState{bytes.Clone(key), bytes.Clone(state), position}
		if seen++; len(some) < c.req.Sample {
			some = append(some, s)
		} else if at := rand.IntN(seen); at < c.req.Sample {
			some[at] = s
		}
		return nil
	})
	for _, s := range some {
		if err == nil {
			err = c.compare(ctx, s)
		}
	}
	return err
}

// compare compares one state with what its key's events make.
func (c *eventsChecker) compare(ctx context.Context, s storedState) error {
	values, err := decodeKey(c.req.View.Keys, s.key)
	if err != nil {
		c.report.add(Extra, 1)
		c.report.show(Difference{Kind: Extra, Key: err.Error(), Online: "a state whose key is not a key of the view", Source: schema.StatusNotFound.String()})
		return nil
	}
	want, err := c.fromLog(ctx, values, max(store.BatchOf(s.position), store.BatchOf(c.mark.Batch)))
	if err != nil {
		return err
	}
	if c.req.Progress != nil {
		defer func() { c.req.Progress(c.report.Keys) }()
	}
	same := bytes.Equal(want, s.state)
	if !same {
		same, err = c.alike(want, s.state)
	}
	switch {
	case err != nil:
		return err
	case !same:
		return c.differ(s, values, want)
	}
	c.report.add(Equal, 1)
	return nil
}

// alike reports whether two states have the same bytes without what no window holds any
// more: the store sweeps states away that have nothing else.
func (c *eventsChecker) alike(want, stored []byte) (bool, error) {
	var pruned [2][]byte
	for i, state := range [][]byte{want, stored} {
		if err := c.state.Decode(state); err != nil {
			if i == 0 {
				return false, err
			}
			return false, nil // the stored one can't be read
		}
		c.state.Prune(c.mark.Time)
		pruned[i] = c.state.Append(nil)
	}
	return bytes.Equal(pruned[0], pruned[1]), nil
}

// fromLog returns the state that the events of a key make, up to a batch.
func (c *eventsChecker) fromLog(ctx context.Context, values []any, until int64) ([]byte, error) {
	var failed error
	c.state.Rebuild(func(yield func(*window.Event) bool) {
		var event window.Event
		err := c.log.ReadKey(ctx, c.req.View.Keys, values, until, func(all *eventlog.Events) error {
			for i := range all.Len() {
				if selected, _ := c.aggregation.Selects(all.Fields, i); !selected {
					continue
				}
				if c.aggregation.Event(&event, all.Fields, i, all.IDs[i], all.Retract[i]); !yield(&event) {
					return errEnough
				}
			}
			return nil
		})
		failed = errors.Join(failed, err)
	})
	return c.state.Append(nil), failed
}

// missing reports a key that the store lacks, unless its state was swept away.
func (c *eventsChecker) missing(values []any, want []byte) error {
	empty := c.aggregation.Program.NewState().Append(nil)
	if swept, err := c.alike(want, empty); err != nil || swept {
		return err
	}
	return c.differ(storedState{state: empty}, values, want)
}

// differ reports a state that isn't what its events make, feature by feature.
func (c *eventsChecker) differ(s storedState, values []any, want []byte) error {
	now := c.mark.Time
	var rows [2][]byte
	for i, state := range [][]byte{s.state, want} {
		_, found, ok, err := c.evaluators[i].Row(now, false, state)
		if err != nil && i == 0 {
			ok = false
		} else if err != nil {
			return err
		}
		if ok {
			rows[i] = found
		}
	}
	d := Difference{Kind: Mismatched, Key: describe(c.req.View.Keys, values), Online: "another state", Source: "the state of its events"}
	switch layout := row.NewLayout(c.req.View.Layouts[c.req.View.Layout()]); {
	case rows[0] == nil && rows[1] == nil:
	case rows[0] == nil:
		d.Kind, d.Online, d.Source = Missing, schema.StatusNotFound.String(), schema.StatusPresent.String()
	case rows[1] == nil:
		d.Kind, d.Online, d.Source = Extra, schema.StatusPresent.String(), schema.StatusNotFound.String()
	default:
		for f := range c.req.View.Features {
			online, err := layout.Value(rows[0], f)
			if err != nil {
				return err
			}
			source, err := layout.Value(rows[1], f)
			if err != nil {
				return err
			}
			a, b := schema.AppendValue(nil, online), schema.AppendValue(nil, source)
			if bytes.Equal(a, b) {
				continue
			}
			c.report.Features[f].Mismatched++
			if d.Feature == "" {
				d.Feature, d.Online, d.Source = c.req.View.Features[f].Name, cut(string(a), 0), cut(string(b), 0)
			}
		}
	}
	c.report.add(d.Kind, 1)
	c.report.show(d)
	return nil
}

// lacking searches the newest events for keys that the store lacks.
func (c *eventsChecker) lacking(ctx context.Context) error {
	seen := map[string]bool{}
	var keys row.Keys
	var values [][]any
	after := max(0, store.BatchOf(c.mark.Batch)-int64(c.req.Sample))
	_, _, err := c.log.Read(ctx, after, func(all *eventlog.Events) error {
		for i := range all.Len() {
			if all.Retract[i] || all.Seqs[i] > store.BatchOf(c.mark.Batch) || len(values) >= c.req.Sample {
				continue
			}
			selected, _ := c.aggregation.Selects(all.Fields, i)
			key, ok := c.aggregation.AppendKey(nil, all.Fields, i)
			if !selected || !ok || seen[string(key)] {
				continue
			}
			seen[string(key)] = true
			keys.Append(func(dst []byte) []byte { return append(dst, key...) })
			var own []any
			for _, f := range c.aggregation.Keys() {
				own = append(own, all.Fields[f].Value(i))
			}
			values = append(values, own)
		}
		return nil
	})
	if err != nil {
		return err
	}
	have := make([]bool, len(values))
	err = c.online.Read(ctx, &keys, len(values), func(i int, _ int64, _ []byte) error {
		have[i] = true
		return nil
	})
	for i := range have {
		if err != nil || have[i] {
			continue
		}
		var want []byte
		if want, err = c.fromLog(ctx, values[i], store.BatchOf(c.mark.Batch)); err == nil {
			err = c.missing(values[i], want)
		}
	}
	if err != nil {
		return fmt.Errorf("look for keys that the store lacks: %w", err)
	}
	return nil
}
