package stream

import (
	"errors"

	"larder/store/eventlog"
	"larder/store/forgotten"
	"larder/store/row"
)

// errForgotten says that a key came to be forgotten after its events were read.
var errForgotten = errors.New("a key was forgotten meanwhile; the events are read again")

// A forgetter keeps the events of forgotten keys out of the states of a view. Those of
// rows the store keeps out.
type forgetter struct {
	list    func() *forgotten.List // nil: none are forgotten
	seen    *forgotten.List
	matcher *forgotten.Matcher // of the list that was seen
}

// look takes the list as it is now.
func (s *states) look() {
	if s.forgets.list == nil {
		return
	}
	if now := s.forgets.list(); now != s.forgets.seen {
		s.forgets.seen, s.forgets.matcher = now, s.matcherOf(now)
	}
}

func (s *states) matcherOf(list *forgotten.List) *forgotten.Matcher {
	names := make([]string, len(s.View.Keys))
	for i, k := range s.View.Keys {
		names[i] = k.Name
	}
	return list.Columns(names)
}

// forgotten reports whether an event counts for nothing: its key is forgotten, and it was
// true or arrived by then.
func (s *states) forgotten(events *eventlog.Events, i int, key []byte) bool {
	m := s.forgets.matcher
	at := s.Time(events.Fields, i)
	if at > m.Newest() && events.Ats[i] > m.Newest() {
		return false
	}
	r, found := s.recordOf(m, key)
	return found && (at <= r.Until || events.Ats[i] <= r.Until)
}

func (s *states) recordOf(m *forgotten.Matcher, key []byte) (r forgotten.Record, found bool) {
	if m == nil {
		return r, false
	}
	_, values, err := row.DecodeKey(key, s.View.Keys)
	if err != nil {
		return r, false // keys are made by AppendKey
	}
	return m.Find(func(column int) any { return values[column] })
}

// writable reports whether the state of a key may be written. It returns errForgotten if
// the key was forgotten since the list was looked at. While the store calls it, nobody
// changes the list: what is written is of the list as it is.
func (s *states) writable(key []byte) (bool, error) {
	if s.forgets.list == nil {
		return true, nil
	}
	was, found := s.recordOf(s.forgets.matcher, key)
	if now := s.forgets.list(); now != s.forgets.seen {
		if is, _ := s.recordOf(s.matcherOf(now), key); is.Seq != was.Seq || is.Until != was.Until {
			return false, errForgotten
		}
	}
	return !found || was.Until != forgotten.Pending, nil
}
