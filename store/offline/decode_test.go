package offline_test

import (
	"encoding/binary"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"pgregory.net/rapid"

	"larder/schema"
	"larder/store/offline"
)

// FuzzDecoders gives bytes to every decoder: none panics, each appends one value
// or none, and what was there before and comes after stays as it is.
func FuzzDecoders(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{1})
	f.Add([]byte{0x7f, 0xff})
	f.Add([]byte{0x7f, 0xc0, 0, 0})
	f.Add([]byte{0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0, 2, 0, 1, 0x40, 0, 0, 2, 0x04, 0xd2, 0x16, 0x2e})                                   // numeric -12345678
	f.Add([]byte{0, 1, 0x7f, 0xff, 0, 0, 0, 0, 0, 1})                                                  // numeric with the largest weight
	f.Add([]byte{0, 0, 0, 0, 0xc0, 0, 0, 0})                                                           // numeric NaN
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 9}) // int4[] of one
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 23, 0, 0, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 23})
	f.Add([]byte("sixteen bytes!!!"))
	f.Add([]byte("\x01{\"a\": 1}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		offline.Sample(raw)
		for _, c := range offline.EveryColumn() {
			c.Add(nil)
			before := 1
			if c.Add(raw) == "" {
				before++
			} else {
				c.Truncate(1)
			}
			c.Add(nil)
			c.Add(nil)
			c.Truncate(before + 1)
			a := c.Take()
			if a.Len() != before+1 || a.IsValid(0) || a.IsValid(before) || before == 2 && !a.IsValid(1) {
				t.Fatalf("%s: %d rows, want %d: %v", a.DataType(), a.Len(), before+1, a)
			}
			if err := check(a); err != "" {
				t.Fatalf("%s: %s", a.DataType(), err)
			}
		}
	})
}

// check walks all of an array, so that offsets out of their range panic.
func check(a arrow.Array) string {
	for i := range a.Len() {
		_ = a.ValueStr(i)
	}
	if l, isList := a.(*array.List); isList && l.ListValues().NullN() > 0 {
		return "a null inside a list"
	}
	return ""
}

// TestNumericsAgainstRationals compares what decoders make of a numeric with
// exact arithmetic.
func TestNumericsAgainstRationals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		whole := rapid.StringMatching(`-?[1-9][0-9]{0,24}`).Draw(t, "whole")
		fraction := rapid.StringMatching(`(\.[0-9]{1,24})?`).Draw(t, "fraction")
		zeros := strings.Repeat("0", rapid.IntRange(0, 30).Draw(t, "zeros"))
		text := whole + zeros + fraction
		if rapid.Bool().Draw(t, "small") {
			text = "0." + zeros + strings.TrimPrefix(whole, "-")
		}
		exact, ok := new(big.Rat).SetString(text)
		if !ok {
			t.Fatal(text)
		}
		raw := encodeNumeric(text)

		f64, f32 := offline.NumericColumn(schema.Float64), offline.NumericColumn(schema.Float32)
		if reason := f64.Add(raw); reason != "" {
			t.Fatalf("%s: %s", text, reason)
		}
		if want, _ := exact.Float64(); f64.Take().(*array.Float64).Value(0) != want {
			t.Fatalf("%s is not %v", text, want)
		}
		want32, _ := exact.Float32()
		if reason := f32.Add(raw); math.IsInf(float64(want32), 0) != (reason == schema.OutOfRange) {
			t.Fatalf("%s as float32: %q", text, reason)
		} else if reason == "" && f32.Take().(*array.Float32).Value(0) != want32 {
			t.Fatalf("%s is not %v", text, want32)
		}
		i64 := offline.NumericColumn(schema.Int64)
		reason := i64.Add(raw)
		if fits := exact.IsInt() && exact.Num().IsInt64(); fits != (reason == "") {
			t.Fatalf("%s as int64: %q", text, reason)
		}
		if reason == "" && i64.Take().(*array.Int64).Value(0) != exact.Num().Int64() {
			t.Fatalf("%s is another int64", text)
		}
	})
}

// encodeNumeric writes a decimal as Postgres does: without zeros at either end.
func encodeNumeric(text string) []byte {
	sign := uint16(0)
	if strings.HasPrefix(text, "-") {
		sign, text = 0x4000, text[1:]
	}
	whole, fraction, _ := strings.Cut(text, ".")
	scale := len(fraction)
	whole = strings.Repeat("0", (4-len(whole)%4)%4) + whole
	fraction += strings.Repeat("0", (4-len(fraction)%4)%4)
	var digits []uint16
	for all := whole + fraction; all != ""; all = all[4:] {
		d := uint16(0)
		for _, c := range all[:4] {
			d = 10*d + uint16(c-'0')
		}
		digits = append(digits, d)
	}
	weight := len(whole)/4 - 1
	for len(digits) > 0 && digits[0] == 0 {
		digits, weight = digits[1:], weight-1
	}
	for len(digits) > 0 && digits[len(digits)-1] == 0 {
		digits = digits[:len(digits)-1]
	}
	raw := binary.BigEndian.AppendUint16(nil, uint16(len(digits)))
	raw = binary.BigEndian.AppendUint16(raw, uint16(int16(weight)))
	raw = binary.BigEndian.AppendUint16(raw, sign)
	raw = binary.BigEndian.AppendUint16(raw, uint16(scale))
	for _, d := range digits {
		raw = binary.BigEndian.AppendUint16(raw, d)
	}
	return raw
}
