package drift_test

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"larder/monitor/drift"
)

const (
	referenceRows = 100_000
	numberBins    = 32
	knownValues   = 50
	hours         = 24
	swing         = 0.15 // standard deviations, up by day and down by night
)

// A moment is what a simulated feature is like in one window.
type moment struct {
	swing    float64 // standard deviations, as the hour has it
	mean     float64 // standard deviations by which the mean moved
	variance float64 // factor of the variance, 1 for none
	unit     float64 // factor of the values, 1 for none
	fresh    float64 // share of a value that was never there before
	nulls    float64 // added to the share of nulls
}

var still = moment{variance: 1, unit: 1}

// A simulated feature has exact shares of its bins at each moment; the reference is a
// sample, and edges are quantiles of that sample.
type simulated struct {
	kind   drift.Kind
	values func(moment) []float64
	nulls  float64
	exact  bool // the counts of the reference are equal, as its edges are its quantiles
}

// day returns the moments of a day: 24 hours, or one where they don't differ.
func day(amplitude float64) []moment {
	if amplitude == 0 {
		return []moment{still}
	}
	all := make([]moment, hours)
	for h := range all {
		all[h] = still
		all[h].swing = amplitude * math.Cos(2*math.Pi*float64(h)/hours)
	}
	return all
}

func mean(shares [][]float64) []float64 {
	sum := make([]float64, len(shares[0]))
	for _, s := range shares {
		for i, v := range s {
			sum[i] += v / float64(len(shares))
		}
	}
	return sum
}

// number simulates a feature with a distribution function, binned at quantiles of a
// sample of the reference, which is a day.
func number(random *rand.Rand, amplitude, low, high float64, below func(x float64, at moment) float64) simulated {
	moments := day(amplitude)
	overDay := func(x float64) float64 {
		sum := 0.0
		for _, m := range moments {
			sum += below(x, m)
		}
		return sum / float64(len(moments))
	}
	// The shares between such quantiles are those of spacings of uniform values.
	spacing := distuv.Gamma{Alpha: referenceRows / numberBins, Beta: 1, Src: random}
	ranks := make([]float64, numberBins)
	total := 0.0
	for i := range ranks {
		total += spacing.Rand()
		ranks[i] = total
	}
	edges := make([]float64, numberBins-1)
	for i := range edges {
		a, b := low, high
		for range 40 {
			if middle := (a + b) / 2; overDay(middle) < ranks[i]/total {
				a = middle
			} else {
				b = middle
			}
		}
		edges[i] = (a + b) / 2
	}
	return simulated{kind: drift.Numbers, exact: true, values: func(at moment) []float64 {
		out, before := make([]float64, numberBins), 0.0
		for i, e := range edges {
			f := below(e/at.unit, at)
			out[i], before = f-before, f
		}
		out[len(edges)] = 1 - before
		return out
	}}
}

func phi(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }

func normal(random *rand.Rand, amplitude float64) simulated {
	return number(random, amplitude, -9, 9, func(x float64, at moment) float64 {
		return phi((x - at.mean - at.swing) / math.Sqrt(at.variance))
	})
}

// lognormal swings as a whole, and its mean by as much as that of a normal one.
func lognormal(random *rand.Rand, amplitude float64) simulated {
	middle, deviation := math.Exp(0.5), math.Sqrt((math.E-1)*math.E)
	return number(random, amplitude, 0, 1000, func(x float64, at moment) float64 {
		x = (x-middle-at.mean*deviation)/math.Sqrt(at.variance) + middle
		if x <= 0 {
			return 0
		}
		return phi(math.Log(x / (1 + at.swing*deviation/middle)))
	})
}

// counts simulates a skewed count, negative binomial of mean 3 and variance 9, with an
// edge at each of the first values. It swings by a factor.
func counts() simulated {
	const bins = 20
	return simulated{kind: drift.Numbers, values: func(at moment) []float64 {
		rate := 3 + 3*at.swing
		m := rate + 3*at.mean
		r := m * m / ((rate+rate*rate/1.5)*at.variance - m)
		out, rest := make([]float64, bins), 1.0
		for k := range bins - 1 {
			a, _ := math.Lgamma(float64(k) + r)
			b, _ := math.Lgamma(r)
			c, _ := math.Lgamma(float64(k) + 1)
			p := math.Exp(a - b - c + r*math.Log(r/(r+m)) + float64(k)*math.Log(m/(r+m)))
			value := min(bins-1, int(float64(k)*at.unit))
			out[value] += p
			rest -= p
		}
		out[bins-1] += max(0, rest)
		return out
	}}
}

// bernoulli simulates a bool that is true with chance p.
func bernoulli(p float64) simulated {
	return simulated{kind: drift.Categories, values: func(at moment) []float64 {
		q := min(1, max(0, p+(at.mean+at.swing)*math.Sqrt(p*(1-p))))
		return []float64{(1 - at.fresh) * (1 - q), (1 - at.fresh) * q, at.fresh}
	}}
}

// categories simulates a feature of so many values, the k-th with a share of 1/k; half
// of them have their day by day. Those after the first 50 are counted as others.
func categories(values int) simulated {
	known := min(values, knownValues)
	return simulated{kind: drift.Categories, values: func(at moment) []float64 {
		out, sum := make([]float64, known+1), 0.0
		for k := range values {
			weight := 1 / float64(k+1)
			if k%2 == 0 {
				weight *= 1 + at.swing
			} else {
				weight *= 1 - at.swing
			}
			out[min(k, known)] += weight
			sum += weight
		}
		for i := range out {
			out[i] *= (1 - at.fresh) / sum
		}
		out[known] += at.fresh
		return out
	}}
}

// constant simulates a value with an edge on each side.
func constant() simulated {
	return simulated{kind: drift.Numbers, values: func(at moment) []float64 {
		if at.unit != 1 {
			return []float64{0, 0, 1}
		}
		return []float64{0, 1, 0}
	}}
}

func (s simulated) statuses(at moment) []float64 {
	nulls := s.nulls + at.nulls + at.swing*math.Sqrt(s.nulls*(1-s.nulls))
	return []float64{1 - nulls - 0.001, nulls, 0.001, 0}
}

// house returns features of all kinds.
func house(random *rand.Rand, features int, amplitude float64) []simulated {
	all := make([]simulated, features)
	for i := range all {
		switch i % 10 {
		case 0, 1:
			all[i] = normal(random, amplitude)
		case 2, 3:
			all[i] = lognormal(random, amplitude)
		case 4, 5:
			all[i] = counts()
		case 6:
			all[i] = bernoulli([]float64{0.02, 0.1, 0.3, 0.5}[i/10%4])
		case 7:
			all[i] = categories(400)
		case 8:
			all[i] = categories(12)
		case 9:
			all[i] = constant()
		}
		all[i].nulls = []float64{0, 0.03, 0.1}[i/10%3]
	}
	return all
}

// reference returns the counts of a training set that covers whole days.
func (s simulated) reference(random *rand.Rand, amplitude float64) drift.Counts {
	var values, statuses [][]float64
	for _, at := range day(amplitude) {
		values, statuses = append(values, s.values(at)), append(statuses, s.statuses(at))
	}
	out := drift.Counts{Statuses: draw(random, mean(statuses), referenceRows, 1)}
	if s.exact {
		out.Values = slices.Repeat([]int64{referenceRows / numberBins}, numberBins)
	} else {
		out.Values = draw(random, mean(values), referenceRows, 1)
	}
	return out
}

// draw returns the counts of about so many rows, each of which is there copies times:
// independent Poisson counts are a multinomial draw of a Poisson number of rows.
func draw(random *rand.Rand, shares []float64, rows float64, copies int64) []int64 {
	out := make([]int64, len(shares))
	for i, p := range shares {
		out[i] = copies * poisson(random, p*rows/float64(copies))
	}
	return out
}

// poisson is exact: products of uniform values for small means, and Hörmann's PTRS,
// "The transformed rejection method for generating Poisson random variables",
// Insurance: Mathematics and Economics 12, 1993, for others.
func poisson(random *rand.Rand, mean float64) int64 {
	if mean <= 0 {
		return 0
	}
	if mean < 10 {
		limit, product, k := math.Exp(-mean), random.Float64(), int64(0)
		for product > limit {
			product *= random.Float64()
			k++
		}
		return k
	}
	b := 0.931 + 2.53*math.Sqrt(mean)
	a := -0.059 + 0.02483*b
	for {
		u, v := random.Float64()-0.5, random.Float64()
		us := 0.5 - math.Abs(u)
		k := math.Floor((2*a/us+b)*u + mean + 0.43)
		if us >= 0.07 && v <= 0.9277-3.6224/(b-2) {
			return int64(k)
		}
		if k < 0 || us < 0.013 && v > us {
			continue
		}
		gamma, _ := math.Lgamma(k + 1)
		if math.Log(v)+math.Log(1.1239+1.1328/(b-3.4))-math.Log(a/(us*us)+b) <= -mean+k*math.Log(mean)-gamma {
			return int64(k)
		}
	}
}
