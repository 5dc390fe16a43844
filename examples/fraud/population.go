package fraud

import (
	"math/rand/v2"
	"slices"
)

// The parameters of the book's simulator.
const (
	gridSide       = 100.0 // side of the square with all customers and terminals
	reach          = 5.0   // largest distance from a customer to a terminal that it uses
	minMeanAmount  = 5.0
	maxMeanAmount  = 100.0
	maxDailyRate   = 4.0
	leakedPerDay   = 3  // customers whose cards are stolen
	leakedDays     = 14 // and for how long
	hackedPerDay   = 2  // terminals that are compromised
	hackedDays     = 28 // and for how long
	thiefShare     = 1.0 / 3
	thiefFactor    = 5
	highAmount     = 220.0 // every amount above this is fraud
	secondsPerDay  = 86_400
	purchaseMean   = secondsPerDay / 2 // time of day
	purchaseSpread = 20_000.0
)

// Streams of random numbers. Each purpose has its own, so that it doesn't depend on how
// many numbers another one drew. Day d has stream firstDayStream+d.
const (
	populationStream = iota
	crimeStream
	firstDayStream
)

func newRand(seed, stream uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, stream))
}

// A customer buys dailyRate times a day on average, at one of the terminals.
type customer struct {
	meanAmount float64
	dailyRate  float64
	terminals  []int32 // those within reach
}

type point struct{ x, y float64 }

// Products are converted before they are added, here and in the other draws: the
// conversion forbids fused multiply-add, which rounds differently than amd64 does.
func (p point) near(q point) bool {
	dx, dy := p.x-q.x, p.y-q.y
	return float64(dx*dx)+float64(dy*dy) < reach*reach
}

// population draws the customers, each with the terminals near it.
func population(c Config) []customer {
	r := newRand(c.Seed, populationStream)
	draw := func() point { return point{r.Float64() * gridSide, r.Float64() * gridSide} }
	places := make([]point, c.Terminals)
	for i := range places {
		places[i] = draw()
	}
	customers := make([]customer, c.Customers)
	for i := range customers {
		home := draw()
		customers[i].meanAmount = minMeanAmount + float64(r.Float64()*(maxMeanAmount-minMeanAmount))
		customers[i].dailyRate = r.Float64() * maxDailyRate
		for t, place := range places {
			if home.near(place) {
				customers[i].terminals = append(customers[i].terminals, int32(t))
			}
		}
	}
	return customers
}

// crimes holds the victims of each day.
type crimes struct {
	terminals [][]int // by day, those compromised from then on
	customers [][]int // by day, those whose card data is stolen on it
}

func drawCrimes(c Config) crimes {
	r := newRand(c.Seed, crimeStream)
	var v crimes
	for range c.Days {
		v.terminals = append(v.terminals, sample(r, c.Terminals, hackedPerDay))
		v.customers = append(v.customers, sample(r, c.Customers, leakedPerDay))
	}
	return v
}

// sample draws k different numbers below n; all of them when k is n or more.
func sample(r *rand.Rand, n, k int) []int {
	var chosen []int
	for len(chosen) < min(n, k) {
		if i := r.IntN(n); !slices.Contains(chosen, i) {
			chosen = append(chosen, i)
		}
	}
	return chosen
}

// victims reports which of n are victims on day d: those drawn on day d, or on an
// earlier day when the crime still lasts.
func victims(drawn [][]int, n, d, lasts int) []bool {
	suffers := make([]bool, n)
	for _, ids := range drawn[max(0, d-lasts+1) : d+1] {
		for _, id := range ids {
			suffers[id] = true
		}
	}
	return suffers
}
