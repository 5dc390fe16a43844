package watch

import (
	"errors"

	"larder/monitor/profile"
)

// A Window is what one server counted of one part of a model's version in a span of time.
type Window struct {
	Model     string
	Version   int64
	Part      string // Features or Score
	Reference string // the id of the reference whose bins it has
	Server    string // its name, and a number for each of its runs
	Begins    int64  // in microseconds since 1970 UTC
	Ends      int64
	Tallies   []profile.Tally // of each column of the reference
}

// AppendTallies appends the bytes of the window's tallies, one after the other.
func (w *Window) AppendTallies(dst []byte) []byte {
	for i := range w.Tallies {
		dst = w.Tallies[i].Append(dst)
	}
	return dst
}

// DecodeTallies reads the tallies of as many columns.
func (w *Window) DecodeTallies(src []byte, columns int) error {
	w.Tallies = make([]profile.Tally, columns)
	var err error
	for i := range w.Tallies {
		if src, err = w.Tallies[i].Decode(src); err != nil {
			return err
		}
	}
	if len(src) > 0 {
		return errors.New("there are bytes behind the tallies of a window")
	}
	return nil
}
