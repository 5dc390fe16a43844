package window

import (
	"crypto/sha256"
	"fmt"
	"iter"
)

// A State is what is kept of one key. Not safe for concurrent use. Its memory is used
// again after Reset and Decode; texts that Evaluate answers are valid until then.
type State struct {
	program *Program
	folded  bool    // something is
	settled int64   // the time of the newest folded entry
	pending []entry // in ascending order, at most MaxPending
	rows    []row
	id      []byte
	late    entry
	raw     []byte // that the state was decoded from
	view    viewer
}

// An entry is a place that was seen, an event's time and id. It is live, or a ghost: an
// event that was taken back.
type entry struct {
	time   int64
	id     []byte // the entry's own
	live   bool
	values []Value // one per field; null for a ghost and where no aggregate reads it
}

// NewState returns the state of a key without events.
func (p *Program) NewState() *State {
	s := &State{program: p, rows: make([]row, len(p.levels)), pending: make([]entry, 0, MaxPending)}
	for i := range s.rows {
		s.rows[i].level = &p.levels[i]
	}
	s.late.values = make([]Value, len(p.fields))
	for i := range MaxPending {
		s.pending[:MaxPending][i].values = make([]Value, len(p.fields))
	}
	s.view.init(p)
	return s
}

// Reset forgets all events.
func (s *State) Reset() {
	s.folded, s.settled, s.pending = false, 0, s.pending[:0]
	for i := range s.rows {
		s.rows[i].reset()
	}
}

// Fold takes an event in, or takes it back if e.Retract. Events of different ids come in
// any order; of one id, an event comes before its retraction, and another of the same id
// after that. Fold keeps nothing of e but its texts.
//
// False: the state can't tell what remains without the event. It is spoilt then; Rebuild
// it from the key's events.
func (s *State) Fold(e *Event) bool { return s.fold(e, true) }

// fold takes an event in, as a ghost if it isn't live.
func (s *State) fold(e *Event, live bool) bool {
	t := clampTime(e.Time)
	s.id = shortID(s.id[:0], e.ID)
	i, found := s.find(t, s.id)
	switch {
	case found:
		s.program.project(&s.pending[i], e, live && !e.Retract)
		return true
	case i == 0 && len(s.pending) == MaxPending:
		s.late.time, s.late.id = t, append(s.late.id[:0], s.id...)
		s.program.project(&s.late, e, live)
		if e.Retract {
			return s.takeBack(&s.late)
		}
		s.settle(&s.late)
		return true
	case e.Retract:
		return false
	}
	x := s.insert(i)
	x.time, x.id = t, append(x.id[:0], s.id...)
	s.program.project(x, e, live)
	return true
}

// IsPending reports whether an event is among the newest, which are kept raw: then Fold
// can take it back, and fold it again, and the state is as it was.
func (s *State) IsPending(e *Event) bool {
	s.id = shortID(s.id[:0], e.ID)
	i, found := s.find(clampTime(e.Time), s.id)
	return found && s.pending[i].live
}

// Rebuild makes the state anew from all events and retractions of a key, in the order in
// which they would be folded, which it ranges over twice. The state is the one that Fold
// leaves, also where Fold can't take a retraction.
func (s *State) Rebuild(events iter.Seq[*Event]) {
	type place struct {
		time int64
		id   string
	}
	retracted := make(map[place]int)
	for e := range events {
		if e.Retract {
			retracted[place{e.Time, e.ID}]++
		}
	}
	s.Reset()
	for e := range events {
		if e.Retract {
			continue
		}
		live := true
		if len(retracted) > 0 {
			at := place{e.Time, e.ID}
			if n := retracted[at]; n > 0 {
				retracted[at] = n - 1
				live = false
			}
		}
		s.fold(e, live)
	}
}

// Settled returns the time of the newest folded event. The state can't tell what was
// before it: Evaluate finds nothing there. False: it can tell any time.
func (s *State) Settled() (int64, bool) { return s.settled, s.folded }

// Newest returns the time of the newest event, taken back or not; MinTime without events.
func (s *State) Newest() int64 {
	if n := len(s.pending); n > 0 {
		return s.pending[n-1].time
	}
	return MinTime
}

// find returns where the place is in pending, or would be.
func (s *State) find(t int64, id []byte) (int, bool) {
	i := len(s.pending)
	for i > 0 {
		c := comparePlaces(s.pending[i-1].time, s.pending[i-1].id, t, id)
		if c == 0 {
			return i - 1, true
		}
		if c < 0 {
			break
		}
		i--
	}
	return i, false
}

// insert makes room before i, and folds the oldest entry if there is none. The entry that
// it returns has old values.
func (s *State) insert(i int) *entry {
	n := len(s.pending)
	if n < MaxPending {
		s.pending = s.pending[:n+1]
		slot := s.pending[n]
		copy(s.pending[i+1:], s.pending[i:n])
		s.pending[i] = slot
		return &s.pending[i]
	}
	s.settle(&s.pending[0])
	slot := s.pending[0]
	copy(s.pending[:i-1], s.pending[1:i])
	s.pending[i-1] = slot
	return &s.pending[i-1]
}

// settle folds an entry into the tiles.
func (s *State) settle(e *entry) {
	if !s.folded || e.time > s.settled {
		s.folded, s.settled = true, e.time
		for i := range s.rows {
			s.rows[i].drop(s.rows[i].horizon(s.settled))
		}
	}
	if !e.live {
		return
	}
	for i := range s.rows {
		if r := &s.rows[i]; r.start(e.time) >= r.horizon(s.settled) {
			r.add(e)
		}
	}
}

// takeBack takes a folded entry back.
func (s *State) takeBack(e *entry) bool {
	if !s.folded || e.time > s.settled {
		return false
	}
	for i := range s.rows {
		if r := &s.rows[i]; r.start(e.time) >= r.horizon(s.settled) && !r.sub(e) {
			return false
		}
	}
	return true
}

// project copies what the aggregates need of an event's values.
func (p *Program) project(x *entry, e *Event, live bool) {
	x.live = live
	clear(x.values)
	if !live {
		return
	}
	for _, f := range p.used {
		v := e.Values[f]
		if v.IsNull() {
			continue
		}
		if v.kind > kindText || kind(p.fields[f]) != v.kind-kindBool {
			panic(fmt.Sprintf("window: field %d is %s, not as its value", f, p.fields[f]))
		}
		if v.kind == kindText {
			v = p.projectText(f, v)
		}
		x.values[f] = v
	}
}

func (p *Program) projectText(f int, v Value) Value {
	switch {
	case p.needs[f].text && len(v.text) <= MaxText:
		return v
	case p.needs[f].hash:
		return Value{kind: kindHash, bits: hash(v)}
	}
	return Value{kind: kindPresent}
}

// shortID appends an id. One over 128 bytes is cut to 96, and its SHA-256 stands for the
// rest.
func shortID(dst []byte, id string) []byte {
	if len(id) <= maxID {
		return append(dst, id...)
	}
	h := sha256.Sum256([]byte(id))
	return append(append(dst, id[:maxID-len(h)]...), h[:]...)
}
