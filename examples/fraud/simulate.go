package fraud

import (
	"cmp"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// A Transaction is one payment by card.
type Transaction struct {
	ID       int64 // from 0, in time order
	Time     time.Time
	Customer int64
	Terminal int64
	Amount   float64 // whole cents
	Scenario Scenario
}

// IsFraud reports the true label.
func (t Transaction) IsFraud() bool { return t.Scenario != Honest }

// A Scenario says why a transaction is fraud, by the book's numbers.
type Scenario int16

// The scenarios. If several apply, the largest number counts.
const (
	Honest         Scenario = iota
	HighAmount              // more than any customer spends
	HackedTerminal          // every transaction at a compromised terminal
	StolenCard              // transactions of a customer that a thief makes
)

// Simulate yields the transactions of each day, in time order. The slice of a day is
// valid until the next day is requested. Simulate panics on a Config that [Load]
// refuses.
func Simulate(c Config) iter.Seq[[]Transaction] {
	c = c.withDefaults(time.Now())
	if err := c.validate(); err != nil {
		panic(err)
	}
	return func(yield func([]Transaction) bool) {
		s := simulation{config: c, customers: population(c), crimes: drawCrimes(c)}
		for d := range c.Days {
			s.simulate(d)
			if !yield(s.today) {
				return
			}
		}
	}
}

type simulation struct {
	config    Config
	customers []customer
	crimes    crimes
	today     []Transaction
	nextID    int64
}

func (s *simulation) simulate(d int) {
	r := newRand(s.config.Seed, firstDayStream+uint64(d))
	hacked := victims(s.crimes.terminals, s.config.Terminals, d, hackedDays)
	stolen := victims(s.crimes.customers, s.config.Customers, d, leakedDays)
	midnight := s.config.Start.AddDate(0, 0, d)
	s.today = s.today[:0]
	for id, c := range s.customers {
		for range poisson(r, c.dailyRate) {
			t, ok := c.buy(r, midnight)
			if !ok {
				continue
			}
			t.Customer = int64(id)
			switch {
			case stolen[id] && r.Float64() < thiefShare:
				t.Amount, t.Scenario = cents(t.Amount*thiefFactor), StolenCard
			case hacked[t.Terminal]:
				t.Scenario = HackedTerminal
			case t.Amount > highAmount:
				t.Scenario = HighAmount
			}
			s.today = append(s.today, t)
		}
	}
	slices.SortStableFunc(s.today, func(a, b Transaction) int { return cmp.Compare(a.Time.UnixMicro(), b.Time.UnixMicro()) })
	for i := range s.today {
		s.today[i].ID = s.nextID
		s.nextID++
	}
}

// buy draws one transaction, or none: it drops a transaction that falls on another day
// and one of a customer with no terminal within reach.
func (c *customer) buy(r *rand.Rand, midnight time.Time) (Transaction, bool) {
	second := int(purchaseMean + float64(r.NormFloat64()*purchaseSpread))
	if second <= 0 || second >= secondsPerDay || len(c.terminals) == 0 {
		return Transaction{}, false
	}
	amount := c.meanAmount + float64(r.NormFloat64()*c.meanAmount/2)
	if amount < 0 {
		amount = r.Float64() * c.meanAmount * 2
	}
	return Transaction{
		Time:     midnight.Add(time.Duration(second) * time.Second),
		Terminal: int64(c.terminals[r.IntN(len(c.terminals))]),
		Amount:   cents(amount),
	}, true
}

func cents(amount float64) float64 { return math.Round(amount*100) / 100 }

// poisson draws the number of events in a time unit at the given rate, by adding
// exponential waits. It doesn't use math.Exp, because its last bit differs by machine.
func poisson(r *rand.Rand, rate float64) int {
	n := 0
	for wait := r.ExpFloat64(); wait < rate; wait += r.ExpFloat64() {
		n++
	}
	return n
}
