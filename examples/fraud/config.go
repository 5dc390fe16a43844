package fraud

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

const day = 24 * time.Hour

// A Config says how much to simulate, and from when. The zero value is the
// book's own size: half a year of 1.7 million transactions.
type Config struct {
	Seed      uint64 // Defaults to 1.
	Customers int    // Defaults to 5,000.
	Terminals int    // Defaults to 10,000.
	Days      int    // Defaults to 180.

	// Start is midnight UTC of the first day. Defaults to the latest Monday for
	// which the last day is over, so that the data is recent and its weekdays
	// never change.
	Start time.Time
}

// withDefaults replaces zero fields; now decides the default of Start.
func (c Config) withDefaults(now time.Time) Config {
	c.Seed = cmp.Or(c.Seed, 1)
	c.Customers = cmp.Or(c.Customers, 5_000)
	c.Terminals = cmp.Or(c.Terminals, 10_000)
	c.Days = cmp.Or(c.Days, 180)
	if c.Start.IsZero() {
		first := now.UTC().Truncate(day).AddDate(0, 0, -c.Days)
		sinceMonday := (int(first.Weekday()) + 6) % 7
		c.Start = first.AddDate(0, 0, -sinceMonday)
	}
	return c
}

func (c Config) validate() error {
	var errs []error
	for _, f := range []struct {
		name  string
		value int
	}{{"Customers", c.Customers}, {"Terminals", c.Terminals}, {"Days", c.Days}} {
		if f.value < 0 {
			errs = append(errs, fmt.Errorf("fraud.Config: %s is %d; it must be positive, or 0 for the default", f.name, f.value))
		}
	}
	if !c.Start.Equal(c.Start.UTC().Truncate(day)) {
		errs = append(errs, fmt.Errorf("fraud.Config: Start is %s; it must be midnight UTC", c.Start.Format(time.RFC3339Nano)))
	}
	return errors.Join(errs...)
}
