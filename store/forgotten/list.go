package forgotten

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"math"
	"slices"
	"strings"
	"sync"
)

// Pending is the Until of a key that is being forgotten.
const Pending = math.MaxInt64

// A Record is one forgotten key, or a view to make again.
type Record struct {
	Seq        int64    // of the registry; later records have greater ones
	Forgetting string   // the request that it belongs to
	Names      []string // of its join keys, sorted
	Hash       Hash
	Until      int64 // microseconds since 1970 UTC, or Pending
	// View is the name of a view that events of a forgotten key are in under other keys. The
	// record has no hash then.
	View string
}

// A List is all forgotten keys. It is immutable and safe for concurrent use. The zero
// List is empty.
type List struct {
	Seq     int64 // of the last record
	Records []Record
	salt    []byte
	sets    []*set
	hashers *sync.Pool
}

// A set is the records with the same join keys.
type set struct {
	names  []string
	latest map[Hash]*Record // the one of each key with the latest Until
	newest int64            // the latest Until of all
}

// NewList returns the list of some records, which it keeps.
func NewList(salt []byte, records []Record) *List {
	l := &List{Records: records, salt: salt}
	l.hashers = &sync.Pool{New: func() any { return &hasher{mac: hmac.New(sha256.New, salt)} }}
	byNames := map[string]*set{}
	for i := range records {
		r := &records[i]
		l.Seq = max(l.Seq, r.Seq)
		if r.View != "" {
			continue
		}
		id := strings.Join(r.Names, "\x00")
		s := byNames[id]
		if s == nil {
			s = &set{names: r.Names, latest: map[Hash]*Record{}, newest: math.MinInt64}
			byNames[id] = s
			l.sets = append(l.sets, s)
		}
		if known := s.latest[r.Hash]; known == nil || r.Until > known.Until {
			s.latest[r.Hash] = r
		}
		s.newest = max(s.newest, r.Until)
	}
	return l
}

// After returns the list of the records after a number.
func (l *List) After(seq int64) *List {
	var records []Record
	for _, r := range l.Records {
		if r.Seq > seq {
			records = append(records, r)
		}
	}
	return NewList(l.salt, records)
}

// Salt returns the salt of the hashes.
func (l *List) Salt() []byte { return l.salt }

// A Matcher finds forgotten keys among the rows of a table with certain columns. Safe for
// concurrent use. The nil Matcher finds none.
type Matcher struct {
	list   *List
	sets   []matched
	newest int64
}

type matched struct {
	*set
	columns []int // of each name
}

// Columns returns the matcher of rows with these columns; nil when no forgotten key can
// be among them, because all have other join keys.
func (l *List) Columns(names []string) *Matcher {
	m := &Matcher{list: l, newest: math.MinInt64}
	for _, s := range l.sets {
		columns := make([]int, len(s.names))
		all := true
		for i, name := range s.names {
			columns[i] = slices.Index(names, name)
			all = all && columns[i] >= 0
		}
		if all {
			m.sets = append(m.sets, matched{s, columns})
			m.newest = max(m.newest, s.newest)
		}
	}
	if len(m.sets) == 0 {
		return nil
	}
	return m
}

// Newest returns the latest Until of all keys that the matcher may find. What is newer
// needs no look.
func (m *Matcher) Newest() int64 {
	if m == nil {
		return math.MinInt64
	}
	return m.newest
}

// Reads reports whether the matcher looks at a column.
func (m *Matcher) Reads(column int) bool {
	if m == nil {
		return false
	}
	for _, s := range m.sets {
		if slices.Contains(s.columns, column) {
			return true
		}
	}
	return false
}

// Find returns the record of a forgotten key that a row has; of several, the one with the
// latest Until. value returns the value of a column in the Go form of
// [schema.ParseValue], or nil when the row has none.
func (m *Matcher) Find(value func(column int) any) (r Record, found bool) {
	if m == nil {
		return Record{}, false
	}
	h := m.list.hashers.Get().(*hasher)
	defer m.list.hashers.Put(h)
	for i := range m.sets {
		s := &m.sets[i]
		sum, ok := h.sum(s, value)
		if !ok {
			continue
		}
		if at := s.latest[sum]; at != nil && (!found || at.Until > r.Until) {
			r, found = *at, true
		}
	}
	return r, found
}

// A hasher makes hashes in memory that it keeps.
type hasher struct {
	mac     hash.Hash
	message []byte
	out     []byte
}

func (h *hasher) sum(s *matched, value func(column int) any) (sum Hash, ok bool) {
	h.message = h.message[:0]
	for i, name := range s.names {
		v := value(s.columns[i])
		if v == nil {
			return sum, false
		}
		var err error
		if h.message, err = appendPart(h.message, name, v); err != nil {
			return sum, false // no forgotten key has such a value
		}
	}
	h.mac.Reset()
	h.mac.Write(h.message)
	h.out = h.mac.Sum(h.out[:0])
	return Hash(h.out), true
}
