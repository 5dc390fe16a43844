package traffic_test

import (
	"encoding/json"
	"math"
	"os"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"larder/models/traffic"
)

// TestBucketsAreWhatIsPublished: others split by testdata/buckets.json too.
func TestBucketsAreWhatIsPublished(t *testing.T) {
	raw, err := os.ReadFile("testdata/buckets.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Salt, Value string
		Bucket      int
	}
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 20 {
		t.Fatalf("%d vectors", len(vectors))
	}
	for _, v := range vectors {
		if got := traffic.Bucket(v.Salt, v.Value); got != v.Bucket {
			t.Errorf("bucket of %q, salt %q: %d; want %d", v.Value, v.Salt, got, v.Bucket)
		}
		n, err := strconv.ParseInt(v.Value, 10, 64)
		if err != nil || strconv.FormatInt(n, 10) != v.Value {
			continue
		}
		if got := traffic.BucketInt(v.Salt, n); got != v.Bucket {
			t.Errorf("bucket of the number %d, salt %q: %d; want %d", n, v.Salt, got, v.Bucket)
		}
	}
}

func TestBucketsOfNumbersAreThoseOfTheirDigits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		salt, n := rapid.String().Draw(t, "salt"), rapid.Int64().Draw(t, "n")
		if a, b := traffic.BucketInt(salt, n), traffic.Bucket(salt, strconv.FormatInt(n, 10)); a != b || a < 0 || a >= traffic.Buckets {
			t.Fatalf("%d and %d", a, b)
		}
	})
}

// TestBucketsAreEven: consecutive numbers fall in the hundredths of the buckets as
// evenly as chance has it, by chi-square.
func TestBucketsAreEven(t *testing.T) {
	const cells, values = 100, 200_000
	for _, salt := range []string{"fraud", "fraud-2", "x"} {
		var seen [cells]float64
		for n := range int64(values) {
			seen[traffic.BucketInt(salt, n)/(traffic.Buckets/cells)]++
		}
		if got := chiSquare(seen[:], values/cells); got > 161 { // of 99 degrees of freedom: 1 in 10,000
			t.Errorf("salt %q: chi-square is %.1f", salt, got)
		}
	}
}

func chiSquare(seen []float64, expected float64) float64 {
	sum := 0.0
	for _, n := range seen {
		sum += (n - expected) * (n - expected) / expected
	}
	return sum
}

// TestSaltsAreIndependent: who is in the first half of one experiment is in the
// first half of another half of the time.
func TestSaltsAreIndependent(t *testing.T) {
	const values = 100_000
	both := 0
	for n := range int64(values) {
		if traffic.BucketInt("a", n) < traffic.Buckets/2 && traffic.BucketInt("b", n) < traffic.Buckets/2 {
			both++
		}
	}
	if got := math.Abs(float64(both)-values/4) / math.Sqrt(values*0.25*0.75); got > 4 {
		t.Errorf("%d of %d are in both halves: %.1f deviations from a quarter", both, values, got)
	}
}

func TestBucketsNeedNoMemory(t *testing.T) {
	if got := testing.AllocsPerRun(100, func() { traffic.BucketInt("fraud-2026-spring", math.MinInt64) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
}
