package training

import "larder/store/offline"

// HistoryBytes bounds the memory for the winners of a block.
func (s *Set) HistoryBytes(most int64) { s.historyBytes = most }

// ReadHistories makes a set read whole histories, or none, at any cost.
func (s *Set) ReadHistories(yes bool) {
	s.readsHistory = func(int, offline.Cost) bool { return yes }
}
