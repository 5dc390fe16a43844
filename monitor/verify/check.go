package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"larder/schema"
	"larder/store"
	"larder/store/row"
	"larder/vector"
)

// The bounds of a block that is compared at once. A source without an index on its
// keys is read as a whole for each block, so few large blocks are better.
const (
	maxBlockRows   = 256 << 10
	maxBlockValues = 4 << 20
	maxBlockBytes  = 16 << 20 // of stored rows
)

// A checker compares the keys of one view.
type checker struct {
	Options
	req     Request
	view    *schema.View
	plan    *schema.Plan // of all features of the view
	program *vector.Program
	mark    store.Watermark // the watermark at the start
	report  *Report

	// The keys waiting to be compared, and the bytes of their rows.
	waiting   [][]byte
	bytes     int
	blockRows int
}

func newChecker(opts Options, req Request) (*checker, error) {
	c := &checker{Options: opts, req: req, view: req.View}
	var err error
	if c.mark, err = Watermark(opts.Online, req.View); err != nil {
		return nil, err
	}
	if c.plan, err = req.View.Catalog.FeaturesPlan([]string{req.View.Name + ":*"}); err != nil {
		return nil, err
	}
	if c.program, err = vector.Compile(c.plan); err != nil {
		return nil, err
	}
	c.blockRows = min(maxBlockRows, maxBlockValues/len(req.View.Features))
	c.report = &Report{View: req.View.Name, FromLog: req.View.Stream != nil, Time: c.mark.Time, Counts: map[Kind]int64{}}
	for _, f := range req.View.Features {
		c.report.Features = append(c.report.Features, FeatureReport{Name: f.Name})
	}
	return c, nil
}

// Watermark returns the watermark that a view is compared at. It fails when the view
// was never materialized.
func Watermark(from Store, view *schema.View) (store.Watermark, error) {
	mark, found, err := from.Watermark(view.ID)
	if err == nil && !found {
		err = schema.NeverMaterialized.Errorf("feature view %q was never materialized on this server; run `larder materialize %s` first", view.Name, view.Name)
	}
	return mark, err
}

// add queues a key to be compared with the others of its block. The checker keeps the
// key.
func (c *checker) add(ctx context.Context, key []byte, rowBytes int) error {
	c.waiting = append(c.waiting, key)
	if c.bytes += rowBytes; len(c.waiting) < c.blockRows && c.bytes < maxBlockBytes {
		return nil
	}
	return c.flush(ctx)
}

// flush compares the waiting keys.
func (c *checker) flush(ctx context.Context) error {
	keys := c.decode(c.waiting)
	c.waiting, c.bytes = c.waiting[:0], 0
	if len(keys) > 0 {
		served, err := c.serve(ctx, keys, c.mark.Time)
		if err != nil {
			return err
		}
		differ, err := c.compare(ctx, served, served.times)
		if err != nil {
			return err
		}
		c.report.add(Equal, int64(len(keys)-len(differ)))
		if err := c.judge(ctx, keys.of(differ)); err != nil {
			return err
		}
	}
	if c.req.Progress != nil {
		c.req.Progress(c.report.Keys)
	}
	return nil
}

// judge checks again the keys that differed, and reports how they differ.
func (c *checker) judge(ctx context.Context, keys keyValues) error {
	if len(keys) == 0 {
		return nil
	}
	mark, found, err := c.Online.Watermark(c.view.ID)
	if err != nil {
		return err
	}
	if !found {
		return schema.ViewDropped.Errorf("feature view %q was dropped during the check", c.view.Name)
	}
	served, err := c.serve(ctx, keys, mark.Time)
	if err != nil {
		return err
	}
	differ, err := c.compare(ctx, served, served.times)
	if err != nil {
		return err
	}
	// The answer of the source when everything in it was due: a store with that answer is
	// behind, but not wrong.
	due := slices.Repeat([]int64{mark.Time - c.view.Origin.LatenessMicros()}, len(keys))
	late, err := c.compare(ctx, served, due)
	if err != nil {
		return err
	}
	wrong := make(map[int]bool, len(late))
	for _, d := range late {
		wrong[d.at] = true
	}
	c.report.add(Equal, int64(len(keys)-len(differ)))
	for _, d := range differ {
		// A row past the watermark comes from a run in progress or from a range: the rows near
		// it may not be there yet.
		if !wrong[d.at] || d.moved && served.times[d.at] > mark.Time {
			d.Kind = Stale
		}
		d.Key = describe(c.view.Keys, keys[d.at])
		c.report.add(d.Kind, 1)
		c.report.show(d.Difference)
		if d.newer && d.Kind != Stale {
			c.report.Newer++
		}
		if d.Kind == Mismatched {
			for _, f := range d.features {
				c.report.Features[f].Mismatched++
			}
		}
	}
	return nil
}

// decode returns the keys of a block. A key that is not a key of the view is extra: no
// request can name it.
func (c *checker) decode(encoded [][]byte) keyValues {
	out := make(keyValues, 0, len(encoded))
	for _, key := range encoded {
		values, err := decodeKey(c.view.Keys, key)
		if err != nil {
			c.report.add(Extra, 1)
			c.report.show(Difference{Kind: Extra, Key: err.Error(), Online: "a row whose key is not a key of the view", Source: schema.StatusNotFound.String()})
			continue
		}
		out = append(out, values)
	}
	return out
}

// decodeKey returns the values of a key, if a request can contain them.
func decodeKey(joinKeys []schema.JoinKey, key []byte) ([]any, error) {
	_, values, err := row.DecodeKey(key, joinKeys)
	if err != nil {
		return nil, err
	}
	for i, v := range values {
		if s, is := v.(string); is && !utf8.ValidString(s) {
			return nil, fmt.Errorf("key %x: join key %q is not UTF-8", key[:min(len(key), maxText/4)], joinKeys[i].Name)
		}
	}
	return values, nil
}

// describe returns a key as readable text.
func describe(joinKeys []schema.JoinKey, values []any) string {
	parts := make([]string, len(values))
	for i, k := range joinKeys {
		parts[i] = k.Name + "=" + string(schema.AppendValue(nil, values[i]))
	}
	return cut(strings.Join(parts, " "), 0)
}
