package main

import (
	"fmt"
	"io"
	"os"
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

// set says that done of about total are done; total grows with done.
func (p *progress) set(done, total int64) {
	total = max(total, done, 1)
	if time.Since(p.began) < progressAfter {
		return
	}
	if !p.live {
		if time.Since(p.shown) >= progressEvery {
			p.shown = time.Now()
			fmt.Fprintln(p.w, p.line(done, total))
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
	last := []decor.Decorator{
		decor.NewPercentage(" %d"),
		decor.Name(" "), decor.NewAverageETA(decor.ET_STYLE_GO, p.began, nil), decor.Name(" left"),
	}
	if p.unit != "" {
		last = append(last,
			decor.CountersNoUnit(", %d of about %d "+p.unit), decor.NewAverageSpeed(0, ", %.0f per second", p.began))
	}
	p.bars = mpb.New(mpb.WithOutput(p.w), mpb.WithAutoRefresh(), mpb.WithWidth(40))
	// A total that is known from the start could not grow.
	p.bar = p.bars.New(0, mpb.BarStyle(), mpb.PrependDecorators(decor.Name(p.what+" ")), mpb.AppendDecorators(last...))
}

// line says the same in words.
func (p *progress) line(done, total int64) string {
	took := time.Since(p.began)
	left := time.Duration(float64(took) * float64(total-done) / float64(max(done, 1))).Round(time.Second)
	if p.unit == "" {
		return fmt.Sprintf("%s: %d %%, %s left", p.what, 100*done/total, left)
	}
	return fmt.Sprintf("%s: %d of about %d %s, %.0f per second, %s left", p.what, done, total, p.unit, float64(done)/took.Seconds(), left)
}

// end takes the bar off the terminal.
func (p *progress) end() {
	if p.bar != nil {
		p.bar.Abort(true)
		p.bars.Wait()
		p.bar = nil
	}
}
