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
	radius    float64   // of the reference, for distances
	level     float64   // nats of a window
	low, high []float64 // bounds of the reference's shares, for Category, Unseen and Status
}

// newGauge returns a gauge that misjudges the reference with chance forever at most, and
// a window with chance window.
func newGauge(measure Measure, index int, reference []int64, threshold Threshold, forever, window float64) *gauge {
	g := &gauge{measure: measure, index: index, reference: reference, threshold: threshold}
	m, used := 0.0, 0
	for _, c := range reference {
		m += float64(c)
		if c > 0 {
			used++
		}
	}
	g.empty = m == 0
	bins := float64(max(1, len(reference)))
	switch measure {
	case Location, Spread:
		// Each edge is a rank of the reference or was fixed before it, so the share below
		// it has the tails of a binomial.
		g.radius = Massart(m, forever/bins)
		g.level = math.Ln2 + nats(window)
		g.order = outwards(reference)
	case Shares:
		known := max(1, used) + 1 // all bins that the reference lacks are one
		g.radius = Weissman(m, known, forever)
		g.level = sets(known) + nats(window)
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

// certain is what chance leaves of a distance, in a window of n rows.
func (g *gauge) certain(size, n float64) float64 {
	return max(0, size-radius(n, g.level)-g.radius)
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
