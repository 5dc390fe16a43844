package schema_test

import (
	"math/big"
	"strings"
	"testing"

	"larder/schema"
)

func TestParseWhole(t *testing.T) {
	f := func(text string, bits int, want int64, ok bool) {
		t.Helper()
		if got, err := schema.ParseWhole(text, bits); (err == nil) != ok || got != want && ok {
			t.Errorf("%s as %d bits: %d, %v; want %d", text, bits, got, err, want)
		}
	}
	f("7", 64, 7, true)
	f("1.0", 64, 1, true)
	f("-1.000", 32, -1, true)
	f("1e3", 64, 1000, true)
	f("1.5e1", 64, 15, true)
	f("1200e-2", 64, 12, true)
	f("0.00e-99999999999999999999", 64, 0, true)
	f("-0.0", 64, 0, true)
	f("9007199254740993.0", 64, 9007199254740993, true) // 2^53 + 1, which no float64 is
	f("9.223372036854775807e18", 64, 1<<63-1, true)
	f("-9223372036854775808.0", 64, -1<<63, true)
	f("2147483648.0", 32, 0, false)
	f("9223372036854775808.0", 64, 0, false)
	f("1e19", 64, 0, false)
	f("1e400", 64, 0, false)
	f("1e99999999999999999999", 64, 0, false)
	f("100e99999999999999999999", 64, 0, false)
	f("1e-99999999999999999999", 64, 0, false)
	for _, text := range []string{"1.5", "1e-1", "1.", ".5", "1e", "1e+", "1e1.0", "0x10", "1_0", " 1.0", "1.0 ", "NaN", "", "-", "1.0f", "--1.0"} {
		f(text, 64, 0, false)
	}
	if got, err := schema.ParseUnsigned("18446744073709551615.0", 64); got != 1<<64-1 || err != nil {
		t.Error(got, err)
	}
	if _, err := schema.ParseUnsigned("-1.0", 64); err == nil {
		t.Error("-1.0 has a sign")
	}
}

// FuzzParseWhole compares with exact fractions.
func FuzzParseWhole(f *testing.F) {
	for _, seed := range []string{"7", "1.0", "1.5e1", "-1200e-2", "9007199254740993.0", "1e19", "0.1e1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 40 || strings.ContainsAny(text, "/_xXoObBpP+") || len(text) > 0 && text[0] == '0' && len(text) > 1 && text[1] != '.' && text[1] != 'e' {
			t.Skip("a form that big.Rat reads and JSON doesn't have")
		}
		if _, power, found := strings.Cut(strings.ToLower(text), "e"); found && len(power) > 3 {
			t.Skip("a number of too many digits for big.Rat")
		}
		got, err := schema.ParseWhole(text, 64)
		want, is := new(big.Rat).SetString(text)
		is = is && want.IsInt() && want.Num().IsInt64() && !strings.HasPrefix(text, ".") && !strings.Contains(text, ".e") && !strings.HasSuffix(text, ".") &&
			!strings.Contains(text, ".E") && !strings.HasPrefix(text, "-.")
		if (err == nil) != is || is && got != want.Num().Int64() {
			t.Errorf("%q: %d, %v; want %v", text, got, err, want)
		}
	})
}
