package training

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"

	"larder/schema"
	"larder/store/row"
)

// errTooLarge says that a history's winners exceed their memory limit.
var errTooLarge = errors.New("winners too large")

// A history holds the winners of a block's rows in one view, found by reading the
// whole view in any order.
//
// The rows of the block are sorted by key and time; those that say which batches of an
// aggregate view count, by key, batch and time. A source row can win once it is
// visible, that is, from the later of its event time and its ingest time. So it is
// kept at the first place of its key with such a time, if it beats the row kept there.
// In the end the best row of a key's places up to each place wins there.
type history struct {
	times  []int64          // of each place
	places []int32          // for each row of the block: its place
	groups []int32          // where the places of each key begin, and where all end
	keys   map[string]int32 // the number of each
	first  int64            // the number of the block's first row in the spine
	own    []string         // of each place: the id of the event that it leaves out; nil where the spine has none
	upTo   []int64          // of each place: the last batch that counts; nil where the time decides
	best   []kept
	byTime []moment // for each place, by event time alone; nil where nothing is hidden
	bytes  []byte
	limit  int64
	bad    int64
}

// A kept is a candidate with its bytes in history.bytes.
type kept struct {
	event, ingest int64
	at, size      uint32
	room          uint32 // bytes that may be overwritten
}

// A moment holds the times of a source row.
type moment struct{ event, ingest int64 }

var noRow = moment{schema.NoIngestTime, schema.NoIngestTime}

func newHistory(b *block, view int, keys *row.Keys, limit int64) *history {
	n := keys.Len()
	h := &history{
		times: make([]int64, n), places: make([]int32, n), best: make([]kept, n), limit: limit,
		keys: make(map[string]int32, n/4), first: b.chunks[0].first,
	}
	number := make([]int32, n) // of each row's key
	at := make([]int64, 0, n)
	var own []string
	var upTo []int64
	for _, c := range b.chunks {
		at = append(at, c.times...)
		own = append(own, c.own...)
		upTo = append(upTo, c.batches[view]...)
	}
	for i := range number {
		key := keys.At(i)
		k, known := h.keys[string(key)]
		if !known {
			k = int32(len(h.keys))
			h.keys[string(key)] = k
		}
		number[i] = k
	}
	order := make([]int32, n)
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		d := cmp.Compare(number[a], number[b])
		if d == 0 && upTo != nil {
			d = cmp.Compare(upTo[a], upTo[b])
		}
		return cmp.Or(d, cmp.Compare(at[a], at[b]))
	})
	if upTo != nil {
		h.upTo = make([]int64, n)
	}
	h.groups = make([]int32, 0, len(h.keys)+1)
	for place, i := range order {
		if int(number[i]) == len(h.groups) {
			h.groups = append(h.groups, int32(place))
		}
		h.times[place], h.places[i] = at[i], int32(place)
		if own != nil {
			if h.own == nil {
				h.own = make([]string, n)
			}
			h.own[place] = own[i]
		}
		if upTo != nil {
			h.upTo[place] = upTo[i]
		}
	}
	h.groups = append(h.groups, int32(n))
	for i := range h.best {
		h.best[i].event, h.best[i].ingest = noRow.event, noRow.ingest
	}
	return h
}

// read reads a view's history. It reports whether the winners fit in memory.
func (h *history) read(ctx context.Context, w *worker, view int, latest int64) (ok bool, err error) {
	byIngest := w.run.set.byIngest(view)
	if byIngest {
		h.byTime = slices.Repeat([]moment{noRow}, len(h.times))
	}
	err = w.session.History(ctx, view, latest, func(rec arrow.Record, bad []schema.BadRow) error {
		h.bad += int64(len(bad))
		bad, err := w.encoders[view].Encode(rec, func(_ int, key []byte, event int64, stored []byte) error {
			return h.take(key, event, stored, byIngest)
		})
		h.bad += int64(len(bad))
		return err
	})
	if errors.Is(err, errTooLarge) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	h.sweep()
	return true, nil
}

// take keeps a source row at the first place where it is visible.
func (h *history) take(key []byte, event int64, stored []byte, byIngest bool) error {
	number, known := h.keys[string(key)]
	if !known {
		return nil
	}
	header, err := row.ParseHeader(stored)
	if err != nil {
		return err
	}
	visible := event
	if byIngest {
		if place, any := h.placeFrom(number, event); any {
			if m := &h.byTime[place]; event > m.event || event == m.event && header.Ingest > m.ingest {
				*m = moment{event, header.Ingest}
			}
		}
		visible = max(visible, header.Ingest)
	}
	place, any := h.placeFrom(number, visible)
	if !any {
		return nil
	}
	k := &h.best[place]
	if event < k.event || event == k.event && header.Ingest < k.ingest {
		return nil
	}
	return h.keep(k, event, header.Ingest, stored)
}

// placeFrom returns the first place of a key whose time is t or later.
func (h *history) placeFrom(number int32, t int64) (place int, any bool) {
	first, end := int(h.groups[number]), int(h.groups[number+1])
	at, _ := slices.BinarySearch(h.times[first:end], t)
	return first + at, first+at < end
}

func (h *history) keep(k *kept, event, ingest int64, stored []byte) error {
	k.event, k.ingest, k.size = event, ingest, uint32(len(stored))
	if k.size <= k.room {
		copy(h.bytes[k.at:], stored)
		return nil
	}
	if int64(len(h.bytes)+len(stored)) > h.limit {
		return errTooLarge
	}
	k.at, k.room = uint32(len(h.bytes)), k.size
	h.bytes = append(h.bytes, stored...)
	return nil
}

// sweep gives each place the best of its key up to there.
func (h *history) sweep() {
	for g := range len(h.groups) - 1 {
		for place := h.groups[g] + 1; place < h.groups[g+1]; place++ {
			last, k := &h.best[place-1], &h.best[place]
			if last.event > k.event || last.event == k.event && last.ingest > k.ingest {
				*k = *last
			}
			if h.byTime == nil {
				continue
			}
			before, m := &h.byTime[place-1], &h.byTime[place]
			if before.event > m.event || before.event == m.event && before.ingest > m.ingest {
				*m = *before
			}
		}
	}
	h.keys = nil
}

// visit passes the winners of a chunk to the worker's batch.
func (h *history) visit(w *worker, view int, c *chunk) error {
	for i, t := range c.times {
		place := h.places[c.first-h.first+int64(i)]
		if h.byTime != nil && h.byTime[place].ingest > t {
			w.found[view].hidden++
		}
		k := &h.best[place]
		if k.size == 0 {
			continue
		}
		if err := w.batch.VisitRow(view*len(c.times)+i, k.event, h.bytes[k.at:k.at+k.size]); err != nil {
			return err
		}
	}
	return nil
}
