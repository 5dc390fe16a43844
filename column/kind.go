package column

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"time"

	"larder/schema"
)

// A kind is what a type does in a column. Only the functions made by of know in
// which slice its values are.
type kind struct {
	len     func(c *Column) int
	copy    func(c *Column, i int, from *Column, j int)
	fill    func(c, from *Column)
	append  func(c, from *Column, start, end uint32)
	reserve func(c *Column, n int)
	resize  func(c *Column, n int)
	share   func(from, to *Column, start, n int)
	equal   func(a *Column, i int, b *Column, j int) bool
	value   func(c *Column, i int) any
	add     func(c *Column, v any)
	json    func(dst []byte, c *Column, i int) []byte
	size    func(c *Column, start, end uint32) int
}

// A form is how one value of a type is compared, shown and measured.
type form[T any] struct {
	equal func(a, b T) bool
	toGo  func(v T) any // as schema.ParseValue gives it
	ofGo  func(v any) T
	json  func(dst []byte, v T) []byte // as schema.AppendValue writes it
	width int                          // in memory, in bytes
	more  func(v T) int                // bytes that a value takes elsewhere; nil: none
}

// kinds is the table of types. A column of no type has no values.
var kinds = [...]kind{
	0:                of(func(*Column) *[]struct{} { return new([]struct{}) }, form[struct{}]{}),
	schema.Bool:      of(func(c *Column) *[]bool { return &c.Bools }, plain(strconv.AppendBool, 1)),
	schema.Int32:     of(func(c *Column) *[]int32 { return &c.Int32s }, plain(appendInt[int32], 4)),
	schema.Int64:     of(func(c *Column) *[]int64 { return &c.Int64s }, plain(appendInt[int64], 8)),
	schema.Float32:   of(func(c *Column) *[]float32 { return &c.Float32s }, float32s),
	schema.Float64:   of(func(c *Column) *[]float64 { return &c.Float64s }, float64s),
	schema.String:    of(func(c *Column) *[]string { return &c.Strings }, texts),
	schema.Bytes:     of(func(c *Column) *[][]byte { return &c.Bytes }, blobs),
	schema.Timestamp: of(func(c *Column) *[]int64 { return &c.Int64s }, times),
}

func kindOf(t schema.Type) *kind { return &kinds[t.Elem()] }

// of returns what a type does, given the slice of a column that has its values.
func of[T any](values func(*Column) *[]T, f form[T]) kind {
	return kind{
		len:  func(c *Column) int { return len(*values(c)) },
		copy: func(c *Column, i int, from *Column, j int) { (*values(c))[i] = (*values(from))[j] },
		fill: func(c, from *Column) { copy(*values(c), *values(from)) },
		append: func(c, from *Column, start, end uint32) {
			to := values(c)
			*to = append(*to, (*values(from))[start:end]...)
		},
		reserve: func(c *Column, n int) { to := values(c); *to = room(*to, n) },
		resize:  func(c *Column, n int) { to := values(c); *to = (*to)[:n] },
		share: func(from, to *Column, start, n int) {
			*values(to) = (*values(from))[start : start+n : start+n]
		},
		equal: func(a *Column, i int, b *Column, j int) bool { return f.equal((*values(a))[i], (*values(b))[j]) },
		value: func(c *Column, i int) any { return f.toGo((*values(c))[i]) },
		add:   func(c *Column, v any) { to := values(c); *to = append(*to, f.ofGo(v)) },
		json:  func(dst []byte, c *Column, i int) []byte { return f.json(dst, (*values(c))[i]) },
		size: func(c *Column, start, end uint32) int {
			n := int(end-start) * f.width
			if f.more != nil {
				for _, v := range (*values(c))[start:end] {
					n += f.more(v)
				}
			}
			return n
		},
	}
}

// plain is the form of values that are their own Go form.
func plain[T comparable](json func([]byte, T) []byte, width int) form[T] {
	return form[T]{
		equal: func(a, b T) bool { return a == b },
		toGo:  func(v T) any { return v },
		ofGo:  func(v any) T { x, _ := v.(T); return x },
		json:  json,
		width: width,
	}
}

var (
	float32s = form[float32]{
		equal: func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) },
		toGo:  func(v float32) any { return v },
		ofGo:  func(v any) float32 { x, _ := v.(float32); return x },
		json:  func(dst []byte, v float32) []byte { return schema.AppendFloat(dst, float64(v), 32) },
		width: 4,
	}
	float64s = form[float64]{
		equal: func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) },
		toGo:  func(v float64) any { return v },
		ofGo:  func(v any) float64 { x, _ := v.(float64); return x },
		json:  func(dst []byte, v float64) []byte { return schema.AppendFloat(dst, v, 64) },
		width: 8,
	}
	texts = form[string]{
		equal: func(a, b string) bool { return a == b },
		toGo:  func(v string) any { return v },
		ofGo:  func(v any) string { x, _ := v.(string); return x },
		json:  AppendText,
		width: 16,
		more:  func(v string) int { return len(v) },
	}
	blobs = form[[]byte]{
		equal: bytes.Equal,
		toGo:  func(v []byte) any { return v },
		ofGo:  func(v any) []byte { x, _ := v.([]byte); return x },
		json: func(dst, v []byte) []byte {
			if v == nil {
				return append(dst, "null"...)
			}
			return append(base64.StdEncoding.AppendEncode(append(dst, '"'), v), '"')
		},
		width: 24,
		more:  func(v []byte) int { return len(v) },
	}
	times = form[int64]{
		equal: func(a, b int64) bool { return a == b },
		toGo:  func(v int64) any { return time.UnixMicro(v).UTC() },
		ofGo: func(v any) int64 {
			if x, ok := v.(time.Time); ok {
				return x.UnixMicro()
			}
			return 0
		},
		json:  func(dst []byte, v int64) []byte { return schema.AppendTime(dst, time.UnixMicro(v)) },
		width: 8,
	}
)

func appendInt[T int32 | int64](dst []byte, v T) []byte { return strconv.AppendInt(dst, int64(v), 10) }

// AppendText appends a string as JSON.
func AppendText(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			quoted, _ := json.Marshal(s) // a string always has JSON
			return append(dst, quoted...)
		}
	}
	return append(append(append(dst, '"'), s...), '"')
}
