package cache_test

import (
	"iter"
	"math/rand/v2"

	"larder/store/cache"
)

// A stage runs actors step by step, one at a time, so that a run with the same
// choices is the same run. Actors say before each step which lock it takes.
type stage struct {
	yield func(next cache.Lock) bool // of the actor that goes on
	after func()                     // is called after each step
}

// pause lets others go on before the actor's next step.
func (s *stage) pause(next cache.Lock) { s.yield(next) }

// play runs actors until all have ended. choose picks which of n goes on.
func (s *stage) play(choose func(n int) int, actors []func()) {
	type role struct {
		next  func() (cache.Lock, bool)
		yield func(cache.Lock) bool
		wants cache.Lock
	}
	var cast []*role
	for _, act := range actors {
		r := new(role)
		next, stop := iter.Pull(func(yield func(cache.Lock) bool) {
			r.yield = yield
			yield(nil)
			act()
		})
		defer stop()
		r.next = next
		r.next()
		cast = append(cast, r)
	}
	for len(cast) > 0 {
		var ready []int
		for i, r := range cast {
			if free(r.wants) {
				ready = append(ready, i)
			}
		}
		at := ready[choose(len(ready))] // panics when all wait for each other
		r, more := cast[at], false
		s.yield = r.yield
		if r.wants, more = r.next(); !more {
			cast = append(cast[:at:at], cast[at+1:]...)
		}
		s.after()
	}
}

// free reports whether a step that takes a lock would not have to wait.
func free(l cache.Lock) bool {
	if l == nil {
		return true
	}
	if l.TryLock() {
		l.Unlock()
		return true
	}
	return false
}

// everyOrder calls play with each sequence of choices there is, and returns how
// many there are; when they are more than most it stops there.
func everyOrder(most int, play func(choose func(n int) int)) (orders int) {
	var path, width []int
	for orders < most {
		at := 0
		play(func(n int) int {
			if at == len(path) {
				path, width = append(path, 0), append(width, n)
			}
			at++
			return path[at-1]
		})
		orders++
		last := len(path) - 1
		for last >= 0 && path[last]+1 == width[last] {
			last--
		}
		if last < 0 {
			break
		}
		path, width = path[:last+1], width[:last+1]
		path[last]++
	}
	return orders
}

// someOrders calls play with n sequences of choices. An actor mostly goes on for
// a while, since rare switches find other faults than many do.
func someOrders(seed uint64, n int, play func(choose func(n int) int)) {
	rng := rand.New(rand.NewPCG(seed, 0))
	for range n {
		last, stay := 0, rng.IntN(8)
		play(func(n int) int {
			if last >= n || rng.IntN(8) >= stay {
				last = rng.IntN(n)
			}
			return last
		})
	}
}
