package training

import "larder/store/offline"

// ReadHistories has a set read whole histories, or none, whatever they cost.
func (s *Set) ReadHistories(yes bool) {
	s.readsHistory = func(int, offline.Cost) bool { return yes }
}
