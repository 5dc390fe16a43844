package drift

import (
	"cmp"
	"errors"
	"fmt"
	"math"
)

// A Threshold says how large a change has to be, as a share of the rows.
type Threshold struct {
	// Certain is what remains of the change when all that chance explains is taken off.
	// It decides for small windows.
	Certain float64
	// Size is the change as it was measured. It decides for large windows, in which
	// nothing is left to chance, and lets a swing of day and night pass.
	Size float64
}

// Options say when a change is an alarm.
type Options struct {
	// Alpha bounds the chance that a window opens alarms, of all features together, when
	// no feature changed by more than Threshold.Certain. Defaults to 1e-6.
	Alpha float64
	// Hits of the newest Of windows must show a change to open an alarm, and Of calm
	// windows in a row end it. Default to 2 and 3.
	Hits, Of int
	// Shape is for the distribution of values: Location, Shares, Category. Defaults to
	// 0.05 and 0.12.
	Shape Threshold
	// Spread is for the spread of numbers, which day and night move less than their
	// distribution. Defaults to 0.03 and 0.1.
	Spread Threshold
	// Status is for the shares of statuses: nulls, missing, defaults. Defaults to 0.02
	// and 0.07.
	Status Threshold
	// Unseen is for the share of values that the reference never had. Defaults to 0.01
	// and 0.03.
	Unseen Threshold
}

func (o Options) withDefaults() Options {
	o.Alpha = cmp.Or(o.Alpha, 1e-6)
	o.Hits = cmp.Or(o.Hits, 2)
	o.Of = cmp.Or(o.Of, 3)
	o.Shape = o.Shape.or(0.05, 0.12)
	o.Spread = o.Spread.or(0.03, 0.1)
	o.Status = o.Status.or(0.02, 0.07)
	o.Unseen = o.Unseen.or(0.01, 0.03)
	return o
}

func (t Threshold) or(certain, size float64) Threshold {
	return Threshold{Certain: cmp.Or(t.Certain, certain), Size: cmp.Or(t.Size, size)}
}

func (o Options) validate() error {
	var faults []error
	if !(o.Alpha > 0 && o.Alpha < 1) {
		faults = append(faults, fmt.Errorf("alpha %v is not between 0 and 1", o.Alpha))
	}
	if o.Hits < 1 || o.Of < o.Hits || o.Of > maxOf {
		faults = append(faults, fmt.Errorf("%d of %d windows: write 1 to %d windows, and no more hits than windows", o.Hits, o.Of, maxOf))
	}
	for _, t := range []struct {
		name string
		Threshold
	}{{"shape", o.Shape}, {"spread", o.Spread}, {"status", o.Status}, {"unseen", o.Unseen}} {
		if !(t.Certain > 0 && t.Certain < 1 && t.Size > 0 && t.Size < 1) {
			faults = append(faults, fmt.Errorf("thresholds of %s, %v and %v, are not between 0 and 1", t.name, t.Certain, t.Size))
		}
	}
	return errors.Join(faults...)
}

// maxOf keeps the newest windows of a measure in the bits of one word.
const maxOf = 32

// choices is the number of ways to choose Hits of Of windows.
func (o Options) choices() float64 {
	ways := 1.0
	for i := range o.Hits {
		ways *= float64(o.Of-i) / float64(i+1)
	}
	return ways
}

// perWindow returns the chance that one window may have to show a change falsely, so
// that hits of the newest of independent windows show one with chance alpha at most.
func (o Options) perWindow(alpha float64) float64 {
	return math.Pow(alpha/o.choices(), 1/float64(o.Hits))
}
