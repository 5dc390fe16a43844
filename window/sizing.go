package window

// The sizes below take a tile to hold at most 2^28 events, whose counts take 4 bytes.
const (
	countBytes = 4
	timeBytes  = 9                 // a varint of MinTime to MaxTime
	itemBytes  = timeBytes + 2     // an item's time and the length of its id
	intBytes   = 10                // a varint of an int64
	textBytes  = 2 + MaxText       //
	setBytes   = 2 + 8*maxDistinct // more than the registers' 768
)

// WorstBytes returns the largest size that a state can have: every tile there, every text,
// id and list as long as it may be, every form of sum at its widest.
func (p *Program) WorstBytes() int64 {
	entry := int64(timeBytes + 2 + maxID + 1)
	for _, f := range p.used {
		entry += 1 + p.valueBytes(f)
	}
	n := 3 + intBytes + MaxPending*entry
	for i := range p.levels {
		n += intBytes + p.levels[i].worstTiles()*p.TileBytes(i)
	}
	return n
}

// Tiles returns how many tiles a state has, and how many of the bytes that Append appends
// are theirs.
func (s *State) Tiles() (n, bytes int) {
	var raw []byte
	for i := range s.rows {
		raw = s.rows[i].append(raw[:0])
		n, bytes = n+len(s.rows[i].tiles), bytes+len(raw)
	}
	return n, bytes
}

// Levels returns how many levels of tiles there are: one for each hop, for each unit and
// zone of a calendar, and for lifetime.
func (p *Program) Levels() int { return len(p.levels) }

// Tiles returns how many tiles a level has at most.
func (p *Program) Tiles(level int) int64 { return p.levels[level].worstTiles() }

func (l *level) worstTiles() int64 {
	switch {
	case l.hop > 0:
		return l.reach/l.hop + 1
	case l.calendar != nil && l.previous:
		return 2
	}
	return 1
}

// TileBytes returns the largest size of a tile of a level:
//
//	13 for its start and its events
//	+ 4 for each field whose values are counted
//	+ for each exact sum 19 and 4 a digit: 3 + 6 for ints, 70 for floats, 138 for squares of floats
//	+ 36 for min and max of a field
//	+ 8 for first, last, last_n and since_last of a field, and 139 and a value for each item
//	+ 1,026 for distinct
//	+ 12 for percentiles, and 6 for each of up to 1,024 buckets; fewer, down to 128, where a level has many tiles
//	+ 8 for top_k, and 4 and a value for each of 256 values
//
// A value takes 1 byte of a bool, 10 of an int, 8 of a float and 130 of a text.
func (p *Program) TileBytes(level int) int64 {
	l := &p.levels[level].layout
	n := int64(timeBytes+countBytes) + countBytes*int64(len(l.counts))
	for i := range l.sums {
		n += 2 + 2 + 1 + 3*countBytes + 2 + 4*int64(l.sums[i].places())
	}
	n += (4*countBytes + 2*intBytes) * int64(len(l.extremes))
	for i := range l.latest {
		x := &l.latest[i]
		item := int64(itemBytes + maxID)
		if !x.presence {
			item += p.valueBytes(x.field)
		}
		n += 2*countBytes + int64(x.n)*item
	}
	n += setBytes * int64(len(l.sets))
	for i := range l.histograms {
		// 1,024 keys of at most 2^17 in ascending order take 2 bytes each. Counts that add up
		// to 2^28 take 3 each, and up to 128 of them 4.
		size := int64(min(l.histograms[i].size(), l.histograms[i].buckets))
		n += 2*countBytes + 1 + 3 + (2+3)*size + min(size, 128)
	}
	for _, x := range l.tops {
		n += 2*countBytes + maxTop*(p.valueBytes(x.field)+countBytes)
	}
	return n
}

// valueBytes returns the largest size of a value of a field.
func (p *Program) valueBytes(f int) int64 {
	switch p.fields[f] {
	case Bool:
		return 1
	case Int:
		return intBytes
	case Float:
		return 8
	}
	if p.needs[f].text {
		return textBytes
	}
	return 8 // a hash
}
