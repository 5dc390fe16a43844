package stream

// A badShare counts the bad ones among the last messages.
type badShare struct {
	limit float64
	last  [badWindow]bool
	next  int
	bad   int
}

func (b *badShare) count(bad bool) {
	if b.last[b.next] {
		b.bad--
	}
	if b.last[b.next] = bad; bad {
		b.bad++
	}
	b.next = (b.next + 1) % badWindow
}

func (b *badShare) exceeded() bool { return float64(b.bad) > b.limit*badWindow }
