package drift

import (
	"errors"
	"fmt"
	"math"
)

// An Axis says where the bins of a number lie. Bin i holds the values v with
// Edges[i-1] < v <= Edges[i]; the first has all up to Edges[0], and the last all above
// the last edge. So there is one bin more than there are edges.
type Axis struct {
	edges []float64 // with the smallest and the largest value around them
}

// NewAxis returns the axis of edges that rise, and of the smallest and the largest value
// of both samples. Where these lie inside the edges, the outer bins have no width.
func NewAxis(edges []float64, smallest, largest float64) (Axis, error) {
	if len(edges) == 0 {
		return Axis{}, errors.New("no edges")
	}
	for i, e := range edges {
		if math.IsNaN(e) || math.IsInf(e, 0) {
			return Axis{}, fmt.Errorf("edge %d is %v", i, e)
		}
		if i > 0 && e <= edges[i-1] {
			return Axis{}, fmt.Errorf("edge %d, %v, is not above the one before, %v", i, e, edges[i-1])
		}
	}
	if math.IsNaN(smallest) || math.IsInf(smallest, 0) || math.IsNaN(largest) || math.IsInf(largest, 0) {
		return Axis{}, fmt.Errorf("values from %v to %v have no finite range", smallest, largest)
	}
	all := make([]float64, 0, len(edges)+2)
	all = append(all, min(smallest, edges[0]))
	all = append(all, edges...)
	all = append(all, max(largest, edges[len(edges)-1]))
	return Axis{edges: all}, nil
}

// Wasserstein is the first Wasserstein distance, the area between the two distribution
// functions (Vallender, "Calculation of the Wasserstein distance between probability
// distributions on the line", Theory of Probability and its Applications 18, 1974), with
// the rows of a bin spread evenly over it. It returns the distance in the feature's
// units, and in standard deviations of the reference, which compares features of
// different units. A reference without any spread counts with the width of the axis
// instead. Distances too large for a float64 are math.MaxFloat64.
func (p Pair) Wasserstein(axis Axis) (distance, deviations float64, err error) {
	if len(p.reference) != len(axis.edges)-1 {
		return 0, 0, fmt.Errorf("%d bins don't fit the %d edges between them", len(p.reference), len(axis.edges)-2)
	}
	if p.empty() {
		return 0, 0, nil
	}
	// Coordinates from -1 to 1 can't overflow.
	scale := max(math.Abs(axis.edges[0]), math.Abs(axis.edges[len(axis.edges)-1]))
	if scale == 0 {
		return 0, 0, nil
	}
	at := func(i int) float64 { return axis.edges[i] / scale }
	f, g, difference, area := 0.0, 0.0, 0.0, 0.0
	for i := range p.reference {
		f += float64(p.reference[i])
		g += float64(p.now[i])
		next := f/p.m - g/p.n
		area += (at(i+1) - at(i)) * meanAbsolute(difference, next)
		difference = next
	}
	deviation := p.deviation(at)
	if deviation == 0 {
		deviation = at(len(p.reference)) - at(0)
	}
	if area == 0 || deviation == 0 {
		return 0, 0, nil
	}
	return min(area*scale, math.MaxFloat64), min(area/deviation, math.MaxFloat64), nil
}

// meanAbsolute is the mean of |x| as x goes from a to b in a straight line.
func meanAbsolute(a, b float64) float64 {
	if a*b >= 0 {
		return math.Abs(a+b) / 2
	}
	return (a*a + b*b) / (2 * (math.Abs(a) + math.Abs(b)))
}

// deviation is the reference's standard deviation, its rows spread evenly over bins.
func (p Pair) deviation(at func(int) float64) float64 {
	mean := 0.0
	for i, c := range p.reference {
		mean += float64(c) / p.m * (at(i) + at(i+1)) / 2
	}
	variance := 0.0
	for i, c := range p.reference {
		// ∫(x-mean)² over the bin, divided by its width
		a, b := at(i)-mean, at(i+1)-mean
		variance += float64(c) / p.m * (a*a + a*b + b*b) / 3
	}
	return math.Sqrt(max(0, variance))
}
