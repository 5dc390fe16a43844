package drift

import (
	"fmt"
	"math"
)

// A Kind says how a feature's values are counted.
type Kind int

// The kinds of features.
const (
	Numbers    Kind = iota // bins in order
	Categories             // a bin for each known value, and one for all others
)

// A Measure is a way in which a feature can change. All are shares of rows, from 0 to
// 1, and none is larger than the total variation: changes of all measures and all kinds
// of features compare.
type Measure int

// The measures. Location and Spread are for numbers, Shares and Category for categories,
// the others for both.
const (
	Location Measure = iota // Pair.KolmogorovSmirnov
	Spread                  // Pair.Spread
	Shares                  // Pair.TotalVariation
	Category                // the change of the share of one category
	Unseen                  // Pair.Unseen
	Status                  // the change of the share of one status
)

// String returns the measure's name, as alarms have it.
func (m Measure) String() string {
	names := [...]string{"location", "spread", "shares", "category", "unseen", "status"}
	if m < 0 || int(m) >= len(names) {
		return fmt.Sprintf("measure %d", int(m))
	}
	return names[m]
}

// A Finding is how far a measure of a feature has moved.
type Finding struct {
	Measure Measure
	Index   int     // which category or status; -1 for the other measures
	Size    float64 // as measured
	Certain float64 // Size less what chance explains, at least 0
}

// A gauge takes one measure of a feature. All that depends on the reference only is
// computed once.
type gauge struct {
	measure   Measure
	index     int // of the status
	threshold Threshold
	reference []int64
	order     []int     // of the bins, for Spread
	empty     bool      // the reference has no rows, or no bin that could show a change
	rows      float64   // of the reference
	hits      float64   // windows that have to agree
	level     float64   // nats: of all that agree for distances, of one window for shares
	low, high []float64 // bounds of the reference's shares, for Category, Unseen and Status
}

// newGauge returns a gauge that misjudges windows that have to agree with chance alpha
// at most.
func newGauge(measure Measure, index int, reference []int64, threshold Threshold, o Options, alpha float64) *gauge {
	m, used := 0.0, 0
	for _, c := range reference {
		m += float64(c)
		if c > 0 {
			used++
		}
	}
	g := &gauge{measure: measure, index: index, reference: reference, threshold: threshold, empty: m == 0, rows: m, hits: float64(o.Hits)}
	bins := float64(max(1, len(reference)))
	agreeing := nats(alpha) + math.Log(o.choices())
	// Shares have half of alpha for the reference, and half for the windows.
	forever, window := alpha/2, o.perWindow(alpha/2)
	switch measure {
	case Location, Spread:
		g.level = agreeing + g.hits*math.Log(2*max(1, bins-1)) // each edge, in both directions
		g.order = outwards(reference)
	case Shares:
		// Each set of the bins, all that the reference lacks being one.
		g.level = agreeing + g.hits*sets(max(1, used)+1)
	case Category:
		g.level = nats(window / (2 * bins))
		g.bounds(reference, m, forever/(2*bins))
	case Unseen:
		// The reference chose the bins: a union over all sets of bins of that many.
		all, _ := math.Lgamma(bins + 1)
		in, _ := math.Lgamma(float64(used) + 1)
		out, _ := math.Lgamma(bins - float64(used) + 1)
		more := all - in - out + math.Log(bins)
		g.level = nats(window)
		g.low, g.high = []float64{0}, []float64{1 - atLeast(m, m, nats(forever)+more)}
		g.empty = g.empty || used == len(reference)
	case Status:
		g.level = nats(window / 2)
		g.bounds(reference[index:index+1], m, forever/2)
	}
	return g
}

func (g *gauge) bounds(counts []int64, m, alpha float64) {
	for _, c := range counts {
		g.low = append(g.low, ShareAtLeast(float64(c), m, alpha))
		g.high = append(g.high, ShareAtMost(float64(c), m, alpha))
	}
}

// take measures a window that has rows.
func (g *gauge) take(p Pair) Finding {
	f := Finding{Measure: g.measure, Index: -1}
	switch g.measure {
	case Location:
		f.Size = p.KolmogorovSmirnov()
		f.Certain = g.certain(f.Size, p.n)
	case Spread:
		f.Size = p.along(g.order)
		f.Certain = g.certain(f.Size, p.n)
	case Shares:
		f.Size = p.TotalVariation()
		f.Certain = g.certain(f.Size, p.n)
	case Unseen:
		f.Size = p.Unseen()
		f.Certain = g.moved(0, f.Size, p.n)
	case Category:
		for i := range p.now {
			reference, now := p.shares(i)
			certain := g.moved(i, now, p.n)
			if size := math.Abs(now - reference); certain > f.Certain || certain == f.Certain && size > f.Size {
				f.Index, f.Size, f.Certain = i, size, certain
			}
		}
	case Status:
		reference, now := p.shares(g.index)
		f.Index, f.Size = g.index, math.Abs(now-reference)
		f.Certain = g.moved(0, now, p.n)
	}
	return f
}

// certain is what chance leaves of a distance, in a window of n rows. See Agreeing
// windows in the package's comment.
func (g *gauge) certain(size, n float64) float64 {
	return max(0, size-math.Sqrt(g.level/2*(1/(g.hits*n)+1/g.rows)))
}

// moved is what chance leaves of the move of a share, in a window of n rows.
func (g *gauge) moved(i int, now, n float64) float64 {
	switch {
	case now > g.high[i] && n*coins(now, g.high[i]) > g.level:
		return max(0, atLeast(now*n, n, g.level)-g.high[i])
	case now < g.low[i] && n*coins(now, g.low[i]) > g.level:
		return max(0, g.low[i]-1+atLeast((1-now)*n, n, g.level))
	}
	return 0
}

// shows reports whether a window of n rows could show a change that another had shown.
func (g *gauge) shows(peak Finding, n float64) bool {
	if peak.Certain == 0 {
		return true
	}
	limit := g.threshold.Certain / 2
	switch g.measure {
	case Location, Spread, Shares:
		return g.certain(peak.Size, n) > limit
	case Unseen:
		return g.moved(0, min(1, peak.Size), n) > limit
	default:
		i := 0
		if g.measure == Category {
			i = peak.Index
		}
		// Size doesn't say whether the share rose or fell.
		middle := (g.low[i] + g.high[i]) / 2
		return g.moved(i, min(1, middle+peak.Size), n) > limit || g.moved(i, max(0, middle-peak.Size), n) > limit
	}
}
