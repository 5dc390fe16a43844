package schema

import "strconv"

// ParseWhole reads a JSON number that is an integer of some bits, exactly: also 1.0 and
// 1e3, which are how some languages write integers. 1.5 is none.
func ParseWhole(text string, bits int) (int64, error) {
	v, err := strconv.ParseInt(text, 10, bits)
	if err == nil {
		return v, nil
	}
	digits, is := wholeDigits(text)
	if !is {
		return 0, err
	}
	return strconv.ParseInt(digits, 10, bits)
}

// ParseUnsigned is ParseWhole for integers without a sign.
func ParseUnsigned(text string, bits int) (uint64, error) {
	v, err := strconv.ParseUint(text, 10, bits)
	if err == nil {
		return v, nil
	}
	digits, is := wholeDigits(text)
	if !is {
		return 0, err
	}
	return strconv.ParseUint(digits, 10, bits)
}

// maxWholeDigits is more than any integer of 64 bits has.
const maxWholeDigits = 20

// wholeDigits returns the digits of a number without its fraction and exponent; false
// where it has another form than JSON's, a fraction, or more digits than fit anywhere.
func wholeDigits(text string) (digits string, is bool) {
	sign, rest := "", text
	if len(rest) > 0 && rest[0] == '-' {
		sign, rest = "-", rest[1:]
	}
	whole, rest := leadingDigits(rest)
	if whole == "" {
		return "", false
	}
	fraction := ""
	if len(rest) > 0 && rest[0] == '.' {
		if fraction, rest = leadingDigits(rest[1:]); fraction == "" {
			return "", false
		}
	}
	exponent := 0
	if len(rest) > 0 {
		if rest[0] != 'e' && rest[0] != 'E' {
			return "", false
		}
		power, err := strconv.Atoi(rest[1:])
		if err != nil && (power == 0 || !isNumber(rest[1:])) { // a huge one is the largest or the least
			return "", false
		}
		exponent = power
	}
	return shift(sign, whole+fraction, len(whole), exponent)
}

// shift returns digits with their point moved by an exponent from where it is, unless any
// but zeros are after it then.
func shift(sign, all string, point, exponent int) (digits string, is bool) {
	first, last := 0, len(all)
	for first < last && all[first] == '0' {
		first++
	}
	for last > first && all[last-1] == '0' {
		last--
	}
	if first == last {
		return "0", true
	}
	// The digits that count end at last, and the point is to be at point+exponent. Both are
	// lengths of the text but exponent, which may be anything.
	zeros := exponent - (last - point)
	if zeros < 0 || zeros > maxWholeDigits || last-first+zeros > maxWholeDigits {
		return "", false
	}
	const padding = "00000000000000000000"
	return sign + all[first:last] + padding[:zeros], true
}

func leadingDigits(text string) (digits, rest string) {
	n := 0
	for n < len(text) && text[n] >= '0' && text[n] <= '9' {
		n++
	}
	return text[:n], text[n:]
}

// isNumber reports whether a text is digits, with or without a sign.
func isNumber(text string) bool {
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		text = text[1:]
	}
	digits, rest := leadingDigits(text)
	return digits != "" && rest == ""
}
