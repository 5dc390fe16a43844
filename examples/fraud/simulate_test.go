package fraud_test

import (
	"crypto/sha256"
	"fmt"
	"math"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"larder/examples/fraud"
)

var monday = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// The digest ties the committed model to the simulator: if it changes, train a new
// model.
func TestSimulateGivesTheSameTransactionsEverywhere(t *testing.T) {
	f := func(c fraud.Config, want string) {
		t.Helper()
		hash := sha256.New()
		days := 0
		for today := range fraud.Simulate(c) {
			for _, x := range today {
				fmt.Fprintln(hash, x.ID, x.Time.Unix(), x.Customer, x.Terminal, x.Amount, x.Scenario)
			}
			if days++; days == 3 {
				break
			}
		}
		if got := fmt.Sprintf("%x", hash.Sum(nil)[:8]); got != want {
			t.Errorf("the first days of %+v have digest %s, want %s", c, got, want)
		}
	}
	f(fraud.Config{Start: monday}, "9dc8e091806744e8")
	f(fraud.Config{Seed: 1, Customers: 5_000, Terminals: 10_000, Days: 180, Start: monday}, "9dc8e091806744e8")
	f(fraud.Config{Seed: 2, Start: monday}, "a2af11ce5a9f6dc9")
	f(fraud.Config{Customers: 50, Terminals: 3_000, Days: 3, Start: monday}, "85792fb267ebb832")
}

func TestSimulateFollowsTheBook(t *testing.T) {
	const days = 60
	var (
		count     = map[fraud.Scenario]int{}
		customers = map[int64]int{}
		total     int64
		seconds   float64
	)
	first := monday
	for today := range fraud.Simulate(fraud.Config{Days: days, Start: monday}) {
		previous := first
		for _, x := range today {
			if x.ID != total {
				t.Fatalf("transaction %d has id %d", total, x.ID)
			}
			if x.Time.Before(previous) || !x.Time.Before(first.AddDate(0, 0, 1)) {
				t.Fatalf("transaction %d of %s is out of order or of another day", x.ID, x.Time)
			}
			if x.Amount < 0 || math.Abs(x.Amount*100-math.Round(x.Amount*100)) > 1e-6 {
				t.Fatalf("transaction %d is of %v", x.ID, x.Amount)
			}
			if x.Amount > 220 && !x.IsFraud() {
				t.Fatalf("transaction %d of %v is honest", x.ID, x.Amount)
			}
			count[x.Scenario]++
			customers[x.Customer]++
			seconds += x.Time.Sub(first).Seconds()
			previous = x.Time
			total++
		}
		first = first.AddDate(0, 0, 1)
	}
	near := func(what string, got, want, tolerance float64) {
		t.Helper()
		if math.Abs(got-want) > tolerance*want {
			t.Errorf("%s: %.4g, want %.4g within %.0f %%", what, got, want, tolerance*100)
		}
	}
	// A mean rate of 2, of which 3.1 % fall outside the day.
	near("transactions", float64(total), 5_000*2*0.969*days, 0.03)
	near("mean time of day", seconds/float64(total), 43_200, 0.01)
	near("customers", float64(len(customers)), 5_000, 0.02)
	// The book's 180 days have 978, 9,099 and 4,604; the two that build up over the
	// first weeks have fewer in 60.
	near("high amounts", float64(count[fraud.HighAmount]), 978./180*days, 0.25)
	near("frauds at compromised terminals", float64(count[fraud.HackedTerminal]), 2*28*0.97*(days-14), 0.15)
	near("frauds with stolen cards", float64(count[fraud.StolenCard]), 3*14*2*0.969/3*(days-7), 0.25)
}

func TestSimulateEndsOnTheLastWholeSunday(t *testing.T) {
	f := func(now, want string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339, now)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Until(at)) // the bubble's clock starts in 2000 and jumps
			var last time.Time
			for today := range fraud.Simulate(fraud.Config{Customers: 20, Days: 14}) {
				last = today[len(today)-1].Time
			}
			if got := last.Format(time.DateOnly); got != want {
				t.Errorf("simulated on %s, the last day is %s, want %s", now, got, want)
			}
		})
	}
	f("2026-03-01T23:59:59Z", "2026-02-22") // a Sunday that isn't over
	f("2026-03-02T00:00:00Z", "2026-03-01")
	f("2026-03-08T12:00:00Z", "2026-03-01")
	f("2026-03-10T00:30:00+02:00", "2026-03-08") // still Monday in UTC
}

func TestSimulateDrawsDaysAlikeWhateverFollows(t *testing.T) {
	collect := func(days int) (all []fraud.Transaction) {
		for today := range fraud.Simulate(fraud.Config{Customers: 100, Days: days, Start: monday}) {
			all = append(all, today...)
		}
		return all
	}
	short, long := collect(5), collect(9)
	if len(long) < len(short) || !slices.Equal(short, long[:len(short)]) {
		t.Error("5 days are not the first 5 of 9")
	}
}
