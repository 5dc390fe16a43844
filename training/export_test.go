package training

import "larder/store/offline"

// ReadHistories makes a set read whole histories, or none, at any cost.
func (s *Set) ReadHistories(yes bool) {
	s.readsHistory = func(int, offline.Cost) bool { return yes }
}
