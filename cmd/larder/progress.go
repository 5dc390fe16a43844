package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// A progress shows how far something long is: as a bar on a terminal, else as a
// line every five seconds. What takes less than a second shows nothing.
type progress struct {
	w     io.Writer
	live  bool
	what  string
	unit  string // what is counted; "" shows shares only
	began time.Time
	shown time.Time
	note  atomic.Pointer[string] // more about what is done; nil for nothing

	bars *mpb.Progress
	bar  *mpb.Bar
}

// The time before anything is shown, and between two lines.
const (
	progressAfter = time.Second
	progressEvery = 5 * time.Second
)

// showProgress shows how far a command is, where it prints its errors.
func showProgress(cmd *cobra.Command, what, unit string) *progress {
	w := cmd.ErrOrStderr()
	if c, isConsole := w.(*console); isConsole {
		w = c.w // a bar moves the cursor
	}
	f, isFile := w.(*os.File)
	return newProgress(w, isFile && onTerminal(f), what, unit)
}

// newProgress shows on w, which is a terminal when live.
func newProgress(w io.Writer, live bool, what, unit string) *progress {
	now := time.Now()
	return &progress{w: w, live: live, what: what, unit: unit, began: now, shown: now}
}

// set says that done of about total are done. A total of 0 is not known, and one below
// done was a wrong estimate.
func (p *progress) set(done, total int64) {
	if time.Since(p.began) < progressAfter {
		return
	}
	if !p.live {
		if time.Since(p.shown) >= progressEvery {
			p.shown = time.Now()
			fmt.Fprintf(p.w, "%s: %s\n", p.what, p.words(done, total))
		}
		return
	}
	if p.bar == nil {
		p.start()
	}
	p.bar.SetTotal(total, false)
	p.bar.SetCurrent(done)
}

func (p *progress) start() {
	p.bars = mpb.New(mpb.WithOutput(p.w), mpb.WithAutoRefresh(), mpb.WithWidth(30))
	// A total that is known from the start could not grow.
	p.bar = p.bars.New(0, estimated{}, mpb.PrependDecorators(decor.Name(p.what+" ")),
		mpb.AppendDecorators(decor.Any(func(s decor.Statistics) string { return " " + p.words(s.Current, s.Total) })))
}

// estimated is the style of a bar that is gone when there is more than the estimate, as a
// full one would say that it is done.
type estimated struct{}

func (estimated) Build() mpb.BarFiller {
	bar := mpb.BarStyle().Build()
	return mpb.BarFillerFunc(func(w io.Writer, s decor.Statistics) error {
		if s.Current > s.Total {
			return nil
		}
		return bar.Fill(w, s)
	})
}

// words says how far it is, and how long the rest takes if that can be known.
func (p *progress) words(done, total int64) string {
	took := time.Since(p.began)
	rate := count(int64(math.Round(float64(done) / took.Seconds())))
	switch {
	case p.unit == "" && done > total:
		return "more than was expected"
	case total == 0:
		note := ""
		if more := p.note.Load(); more != nil {
			note = ": " + *more
		}
		return fmt.Sprintf("%s %s, %s per second%s", count(done), p.unit, rate, note)
	case done > total:
		return fmt.Sprintf("%s %s, %s per second; the estimate was %s", count(done), p.unit, rate, count(total))
	}
	left := "unknown time"
	if done > 0 {
		left = time.Duration(float64(took) * float64(total-done) / float64(done)).Round(time.Second).String()
	}
	if p.unit == "" {
		return fmt.Sprintf("%d %%, %s left", 100*done/total, left)
	}
	return fmt.Sprintf("%s of about %s %s, %s per second, %s left", count(done), count(total), p.unit, rate, left)
}

// end takes the bar off the terminal.
func (p *progress) end() {
	if p.bar != nil {
		p.bar.Abort(true)
		p.bars.Wait()
		p.bar = nil
	}
}
