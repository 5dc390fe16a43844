package window

// A held is what the pending entries hold of one field, for the windows of one
// evaluation. Windows that end at one time hold more entries the longer they are, so that
// each takes over what the shorter one before it has added.
type held struct {
	run     uint64
	present uint32 // entries with a value

	extremeRun uint64
	extremeOf  uint32 // the entries that extreme is of
	extreme    extreme
	sums       [2]heldSum // linear, squares
}

type heldSum struct {
	run uint64
	of  uint32
	total
}

// present returns which pending entries have a value of the field, a bit each.
func (s *State) present(field int) uint32 {
	h := &s.view.held[field]
	if h.run == s.view.run {
		return h.present
	}
	h.run, h.present = s.view.run, 0
	for i := range s.pending {
		if s.pending[i].values[field].kind != kindNull {
			h.present |= 1 << i
		}
	}
	return h.present
}

// pendingSum returns the sum over some pending entries.
func (s *State) pendingSum(p *sumPart, entries uint32) *total {
	entries &= s.present(p.field)
	h := &s.view.held[p.field].sums[p.kind]
	if h.run != s.view.run || h.of&^entries != 0 {
		h.reset()
		h.run, h.of = s.view.run, 0
	}
	more := entries &^ h.of
	h.of = entries
	for i := 0; more != 0; i, more = i+1, more>>1 {
		if more&1 == 0 {
			continue
		}
		v := s.pending[i].values[p.field]
		if v.kind == kindFloat && p.kind == linear {
			h.addFloat(v.Float())
		} else if x, minus, ok := partPieces(p, v); ok {
			h.add(&x, minus)
		} else {
			h.addFloat(v.Float())
		}
	}
	return &h.total
}

// pendingExtreme returns the extreme of some pending entries.
func (s *State) pendingExtreme(field int, entries uint32) *extreme {
	entries &= s.present(field)
	h := &s.view.held[field]
	if h.extremeRun != s.view.run || h.extremeOf&^entries != 0 {
		h.extremeRun, h.extremeOf, h.extreme = s.view.run, 0, extreme{}
	}
	more := entries &^ h.extremeOf
	h.extremeOf = entries
	for i := 0; more != 0; i, more = i+1, more>>1 {
		if more&1 != 0 {
			h.extreme.add(s.pending[i].values[field])
		}
	}
	return &h.extreme
}
