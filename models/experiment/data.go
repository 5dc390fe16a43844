package experiment

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
)

// A Row is one row that a version scored.
type Row struct {
	Version int64
	Shadow  bool   // it scored as a shadow; another version answered
	Request string // its id
	Number  int32  // the row in the request
	At      int64  // the request's clock reading, in microseconds since 1970 UTC
	Score   float64
	Unit    string   // the value that traffic is split by; rows of one unit are not independent
	Keys    []string // the keys that labels find the row by; nil where labels name the request
}

// An Outcome is the label of a row.
type Outcome struct {
	Request string // and
	Number  int32  // the row in the request, or
	Keys    []string
	At      int64 // event time, in microseconds since 1970 UTC
	Arrived int64 // ingest time, in the same unit; the least int64 where unknown
	Deleted bool  // the label was deleted
	Label   float64
	Values  []float64 // NaN for null, as in Label
}

// Options describe the outcomes.
type Options struct {
	// Within is the longest time from the request of a row to its outcome, in
	// microseconds; 0 where outcomes name requests.
	Within int64
	// MaxRows is the most rows that are held, at about 190 bytes each. Defaults to 4
	// million.
	MaxRows int
}

// Data are rows and their outcomes. Add all rows before the first outcome.
type Data struct {
	opts     Options
	units    map[string]int32
	names    []string // of the units
	rows     []scored
	groups   []group // rows that labels can't distinguish, sorted
	sorted   bool
	Outcomes int // that were added
	Unknown  int // the outcomes among these that match no row
}

// A key is the first half of the SHA-256 of texts.
type key [sha256.Size / 2]byte

func (k key) compare(other key) int { return bytes.Compare(k[:], other[:]) }

func keyOf(raw []byte) key {
	sum := sha256.Sum256(raw)
	return key(sum[:])
}

// A scored is the stored form of a Row.
type scored struct {
	id      key // the request and the row in it
	find    key // the key that labels find it by
	version int64
	at      int64
	score   float64
	unit    int32
	group   int32
	shadow  bool
}

// A group holds rows that labels can't distinguish, and their newest label.
type group struct {
	find    key
	at      int64
	outcome *outcome
}

type outcome struct {
	at, arrived int64
	deleted     bool
	label       float64
	values      []float64
}

// NewData returns data without rows.
func NewData(opts Options) *Data {
	opts.MaxRows = cmp.Or(opts.MaxRows, 4_000_000)
	return &Data{opts: opts, units: map[string]int32{}}
}

// Add adds a row. It fails when there are too many.
func (d *Data) Add(r *Row) error {
	if d.sorted {
		panic("experiment: a row was added after outcomes")
	}
	if len(d.rows) == d.opts.MaxRows {
		return fmt.Errorf("there are more than %d logged rows; begin at a later time", d.opts.MaxRows)
	}
	unit, found := d.units[r.Unit]
	if !found {
		name := strings.Clone(r.Unit)
		unit = int32(len(d.names))
		d.units[name], d.names = unit, append(d.names, name)
	}
	row := scored{id: requestKey(r.Request, r.Number), version: r.Version, at: r.At, score: r.Score, unit: unit, shadow: r.Shadow}
	row.find = row.id
	if d.opts.Within > 0 {
		row.find = textsKey(r.Keys)
	}
	d.rows = append(d.rows, row)
	return nil
}

// Rows returns how many rows were added.
func (d *Data) Rows() int { return len(d.rows) }

func requestKey(id string, number int32) key {
	return keyOf(append(binary.BigEndian.AppendUint32(nil, uint32(number)), id...))
}

func textsKey(texts []string) key {
	var joined []byte
	for _, t := range texts {
		joined = append(binary.AppendUvarint(joined, uint64(len(t))), t...)
	}
	return keyOf(joined)
}

// sort drops duplicate rows, and groups the rest. The rows and their units then have a
// fixed order, no matter in which order they were added, so sums are the same in every
// bit.
func (d *Data) sort() {
	if d.sorted {
		return
	}
	d.sorted = true
	slices.SortFunc(d.rows, func(a, b scored) int {
		return cmp.Or(a.id.compare(b.id), cmp.Compare(a.version, b.version), compareBools(a.shadow, b.shadow), cmp.Compare(a.at, b.at), cmp.Compare(a.score, b.score))
	})
	d.rows = slices.CompactFunc(d.rows, func(a, b scored) bool { return a.id == b.id && a.version == b.version && a.shadow == b.shadow })
	slices.SortFunc(d.rows, func(a, b scored) int {
		return cmp.Or(a.find.compare(b.find), cmp.Compare(a.at, b.at), a.id.compare(b.id), cmp.Compare(a.version, b.version), compareBools(a.shadow, b.shadow))
	})
	for i := range d.rows {
		r := &d.rows[i]
		last := len(d.groups) - 1
		if last < 0 || d.groups[last].find != r.find || d.opts.Within > 0 && d.groups[last].at != r.at {
			d.groups, last = append(d.groups, group{find: r.find, at: r.at}), last+1
		}
		r.group = int32(last)
	}
	d.sortUnits()
}

// sortUnits numbers the units in the order of the rows.
func (d *Data) sortUnits() {
	numbers, names := make([]int32, len(d.names)), make([]string, 0, len(d.names))
	for i := range d.rows {
		unit := &d.rows[i].unit
		if numbers[*unit] == 0 {
			names = append(names, d.names[*unit])
			numbers[*unit] = int32(len(names)) // from 1
		}
		*unit = numbers[*unit] - 1
	}
	d.names, d.units = names, nil
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// AddOutcome gives an outcome to its rows. It finds them by the id of their request,
// or takes the last rows requested for its keys at or before its time. Of two
// outcomes, the one with the later event time counts, then the one with the later
// ingest time.
func (d *Data) AddOutcome(o *Outcome) {
	d.sort()
	d.Outcomes++
	g := d.groupOf(o)
	if g == nil {
		d.Unknown++
		return
	}
	if old := g.outcome; old != nil && cmp.Or(cmp.Compare(old.at, o.At), cmp.Compare(old.arrived, o.Arrived)) >= 0 {
		return
	}
	g.outcome = &outcome{at: o.At, arrived: o.Arrived, deleted: o.Deleted, label: o.Label, values: slices.Clone(o.Values)}
}

// LabelOf returns the label of a row that was added; NaN where there is none.
func (d *Data) LabelOf(r *Row) float64 {
	d.sort()
	g := d.groupAt(r.Request, r.Number, r.Keys, r.At)
	if g == nil || g.outcome == nil || g.outcome.deleted {
		return math.NaN()
	}
	return g.outcome.label
}

func (d *Data) groupOf(o *Outcome) *group {
	g := d.groupAt(o.Request, o.Number, o.Keys, o.At)
	if g == nil || d.opts.Within > 0 && o.At-g.at > d.opts.Within {
		return nil
	}
	return g
}

// groupAt returns the group of a request's row, or the group that was last requested
// for keys at a time; nil for none.
func (d *Data) groupAt(request string, number int32, keys []string, at int64) *group {
	find := key{}
	if d.opts.Within > 0 {
		find = textsKey(keys)
	} else {
		find, at = requestKey(request, number), math.MaxInt64
	}
	// The first row after the time; the row before it is the last at or before the time.
	past, _ := slices.BinarySearchFunc(d.groups, struct{}{}, func(g group, _ struct{}) int {
		if c := cmp.Or(g.find.compare(find), cmp.Compare(g.at, at)); c > 0 {
			return 1
		}
		return -1
	})
	if past == 0 || d.groups[past-1].find != find {
		return nil
	}
	return &d.groups[past-1]
}

// outcomeOf returns the outcome of a row; nil where it has no label.
func (d *Data) outcomeOf(r *scored) *outcome {
	if o := d.groups[r.group].outcome; o != nil && !o.deleted {
		return o
	}
	return nil
}
