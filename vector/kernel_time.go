package vector

import (
	"strings"
	"time"
	"unicode/utf8"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"

	"larder/schema"
)

// moment compiles an expression of type timestamp, in microseconds since 1970
// UTC. CEL's own are finer, so only those that come from fields have a kernel.
func (k kernels) moment(e ast.Expr) term[int64] {
	none := func(any) (int64, bool) { return 0, false }
	return common(k, e, none, field.moment, k.moment)
}

// span compiles an expression of type duration, in nanoseconds: one that is
// written out, or the time from one timestamp to another.
func (k kernels) span(e ast.Expr) term[int64] {
	if e.Kind() != ast.CallKind {
		return nil
	}
	name, args := e.AsCall().FunctionName(), e.AsCall().Args()
	switch {
	case name == overloads.TypeConvertDuration && args[0].Kind() == ast.LiteralKind:
		d, is := args[0].AsLiteral().ConvertToType(types.DurationType).(types.Duration)
		if !is {
			return nil
		}
		return func(*evaluation) (int64, outcome) { return int64(d.Duration), valued }
	case name == operators.Subtract && k.typeOf(args[1]).Kind() == types.TimestampKind:
		return try2(k.moment(args[0]), k.moment(args[1]), between)
	}
	return nil
}

// between returns the nanoseconds from b to a. As in CEL, the seconds and the rest
// must fit each, and together.
func between(a, b int64) (int64, outcome) {
	seconds := floorDiv(a, 1e6) - floorDiv(b, 1e6)
	rest := (a - b - seconds*1e6) * 1e3
	whole, o := multiply(seconds, 1e9)
	if o != valued {
		return 0, o
	}
	return add(whole, rest)
}

// A part is what is asked of a timestamp, in its zone.
var parts = map[string]func(t time.Time) int64{
	overloads.TimeGetFullYear:     func(t time.Time) int64 { return int64(t.Year()) },
	overloads.TimeGetMonth:        func(t time.Time) int64 { return int64(t.Month() - 1) },
	overloads.TimeGetDayOfYear:    func(t time.Time) int64 { return int64(t.YearDay() - 1) },
	overloads.TimeGetDayOfMonth:   func(t time.Time) int64 { return int64(t.Day() - 1) },
	overloads.TimeGetDate:         func(t time.Time) int64 { return int64(t.Day()) },
	overloads.TimeGetDayOfWeek:    func(t time.Time) int64 { return int64(t.Weekday()) },
	overloads.TimeGetHours:        func(t time.Time) int64 { return int64(t.Hour()) },
	overloads.TimeGetMinutes:      func(t time.Time) int64 { return int64(t.Minute()) },
	overloads.TimeGetSeconds:      func(t time.Time) int64 { return int64(t.Second()) },
	overloads.TimeGetMilliseconds: func(t time.Time) int64 { return int64(t.Nanosecond() / 1e6) },
}

// wholes are what is asked of a duration.
var wholes = map[string]func(d time.Duration) int64{
	overloads.TimeGetHours:        func(d time.Duration) int64 { return int64(d.Hours()) },
	overloads.TimeGetMinutes:      func(d time.Duration) int64 { return int64(d.Minutes()) },
	overloads.TimeGetSeconds:      func(d time.Duration) int64 { return int64(d.Seconds()) },
	overloads.TimeGetMilliseconds: time.Duration.Milliseconds,
}

// integerOfMember compiles a member function of type int: a part of a timestamp, a
// duration as a number, or the size of a text.
func (k kernels) integerOfMember(name string, of ast.Expr, args []ast.Expr) term[int64] {
	switch k.typeOf(of).Kind() {
	case types.StringKind:
		if name == overloads.Size {
			return k.textSize(of)
		}
	case types.DurationKind:
		if whole := wholes[name]; whole != nil {
			return of1(k.span(of), func(v int64) int64 { return whole(time.Duration(v)) })
		}
	case types.TimestampKind:
		part, zone := parts[name], zoneOf(args)
		if part != nil && zone != nil {
			return of1(k.moment(of), func(micros int64) int64 { return part(time.UnixMicro(micros).In(zone)) })
		}
	}
	return nil
}

// zoneOf returns the zone that arguments name, which is looked up once; nil where
// a row names it, or an offset does.
func zoneOf(args []ast.Expr) *time.Location {
	if len(args) == 0 {
		return time.UTC
	}
	name, is := textOf(args[0])
	if !is || strings.Contains(name, ":") {
		return nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	return zone
}

// text compiles an expression of type string.
func (k kernels) text(e ast.Expr) term[string] { return common(k, e, textLiteral, field.text, k.text) }

// textSize compiles the number of letters of a text.
func (k kernels) textSize(e ast.Expr) term[int64] {
	return of1(k.text(e), func(s string) int64 { return int64(utf8.RuneCountInString(s)) })
}

func textLiteral(v any) (string, bool) {
	s, is := v.(types.String)
	return string(s), is
}

func textOf(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	return textLiteral(e.AsLiteral())
}

// moment reads a field of timestamps.
func (f field) moment() term[int64] {
	if f.kind != schema.Timestamp {
		return nil
	}
	column := f.column
	return func(row *evaluation) (int64, outcome) {
		c := &row.columns[column]
		if c.IsNull(row.row) {
			return 0, isNull
		}
		return c.Int64s[row.row], valued
	}
}

// text reads a field of strings, not longer than expressions may read.
func (f field) text() term[string] {
	if f.kind != schema.String {
		return nil
	}
	column := f.column
	return func(row *evaluation) (string, outcome) {
		c := &row.columns[column]
		if c.IsNull(row.row) {
			return "", isNull
		}
		if s := c.Strings[row.row]; len(s) <= maxReadBytes {
			return s, valued
		}
		return "", why(TooLarge)
	}
}
