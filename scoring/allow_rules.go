package scoring

import (
	"cmp"
	"fmt"
	"slices"
)

// The rules say what an operator makes: the types of its outputs, their dimensions as far
// as they are known, and how many copies of texts they hold. A rule says why a call is not
// on the list where types alone don't tell.

// same makes one output of the type and the dimensions of the first input.
func same(c *call) ([]fact, string) {
	return []fact{c.in[0].with(c.in[0].elem)}, ""
}

// handedOn makes the first input.
func handedOn(c *call) ([]fact, string) { return []fact{c.in[0]}, "" }

// reduced makes one output of a type, or of that of the first input, with fewer or shorter
// dimensions.
func reduced(e Elem) func(*call) ([]fact, string) {
	return func(c *call) ([]fact, string) {
		out := fact{elem: cmp.Or(e, c.in[0].elem)}
		axes := c.axes(1)
		if a, given := c.attrs["axis"]; given {
			axes = []int64{a.integer}
		} else if e != 0 {
			axes = []int64{0}
		}
		if c.in[0].dims == nil || len(axes) == 0 {
			return []fact{out}, ""
		}
		var why string
		out.dims, why = c.in[0].without(axes, c.integer("keepdims", 1) != 0)
		return []fact{out}, why
	}
}

// likeFirst makes one output of the type of the first input, of unknown dimensions.
func likeFirst(c *call) ([]fact, string) {
	return []fact{{elem: c.in[0].elem}}, ""
}

// stretched makes one output of the type of the first input from tensors that are
// stretched to each other.
func stretched(c *call) ([]fact, string) {
	return []fact{{elem: c.in[0].elem, dims: broadcast(c.in...)}}, ""
}

// compared is stretched with an output of bools.
func compared(c *call) ([]fact, string) {
	return []fact{{elem: Bool, dims: broadcast(c.in...)}}, ""
}

// sameAs makes one output of certain type and the dimensions of the first input.
func sameAs(e Elem) func(*call) ([]fact, string) {
	return func(c *call) ([]fact, string) { return []fact{c.in[0].with(e)}, "" }
}

// severalLikeFirst makes outputs of the type of the first input, the first with its
// dimensions.
func severalLikeFirst(c *call) ([]fact, string) {
	out := make([]fact, len(c.out))
	for i := range out {
		out[i].elem = c.in[0].elem
	}
	out[0].dims = c.in[0].dims
	return out, ""
}

// divided refuses integers unless the divisor is known: a division by 0 ends the process.
func divided(c *call) ([]fact, string) {
	if floats.has(c.in[0].elem) {
		return stretched(c)
	}
	by := c.input(1)
	if len(by.ints) == 0 || slices.Contains(by.ints, 0) || slices.Contains(by.ints, -1) {
		return nil, "it divides integers by a number that may be 0 or -1"
	}
	return stretched(c)
}

// input returns what is known of an input, which may be left out.
func (c *call) input(i int) fact {
	if i >= len(c.in) {
		return fact{}
	}
	return c.in[i]
}

// given reports whether an attribute is there, and returns its integer.
func (c *call) integer(name string, byDefault int64) int64 {
	if a, given := c.attrs[name]; given {
		return a.integer
	}
	return byDefault
}

// axes returns axes that older versions of ONNX have as an attribute, and newer ones as an
// input. They are nil where they aren't known.
func (c *call) axes(input int) []int64 {
	if a, given := c.attrs["axes"]; given {
		return a.ints
	}
	return c.input(input).ints
}

func cast(c *call) ([]fact, string) {
	to := Elem(c.integer("to", 0))
	if !castable.has(to) {
		return nil, fmt.Sprintf("it makes %s", to)
	}
	out := c.in[0].with(to)
	switch {
	case to == String:
		out.copies = c.in[0].copies
	case integers.has(to) && integers.has(c.in[0].elem):
		out.ints = c.in[0].ints
		if to == Int32 && slices.ContainsFunc(out.ints, func(v int64) bool { return int64(int32(v)) != v }) {
			out.ints = nil
		}
	}
	return []fact{out}, ""
}

func where(c *call) ([]fact, string) {
	return []fact{{elem: c.input(1).elem, dims: broadcast(c.in...)}}, ""
}

// constant makes what is in an attribute.
func constant(c *call) ([]fact, string) {
	if len(c.attrs) != 1 {
		return nil, "it has several values"
	}
	for name, a := range c.attrs {
		switch name {
		case "value":
			if f := readFact(a.tensor); f.elem != 0 && a.tensors == 1 {
				return []fact{f}, ""
			}
		case "value_int":
			return []fact{{elem: Int64, dims: []int64{}, ints: []int64{a.integer}}}, ""
		case "value_ints":
			return []fact{{elem: Int64, dims: []int64{int64(len(a.ints))}, ints: a.ints}}, ""
		case "value_float":
			return []fact{{elem: Float32, dims: []int64{}}}, ""
		case "value_floats":
			return []fact{{elem: Float32, dims: []int64{int64(len(a.floats))}}}, ""
		}
	}
	return nil, fmt.Sprintf("its value is not a number or a tensor of texts up to %d bytes", maxText)
}

func matMul(c *call) ([]fact, string) {
	return []fact{{elem: c.in[0].elem, dims: multiplied(c.in[0], c.input(1))}}, ""
}

func multiplied(a, b fact) []int64 {
	if len(a.dims) < 2 || len(b.dims) != 2 {
		return nil
	}
	return slices.Concat(a.dims[:len(a.dims)-1], b.dims[1:])
}

func gemm(c *call) ([]fact, string) {
	a, b := c.in[0].dims, c.input(1).dims
	if len(a) != 2 || len(b) != 2 {
		return likeFirst(c)
	}
	dims := []int64{a[0], b[1]}
	if c.integer("transA", 0) != 0 {
		dims[0] = a[1]
	}
	if c.integer("transB", 0) != 0 {
		dims[1] = b[0]
	}
	return []fact{{elem: c.in[0].elem, dims: dims}}, ""
}

// withElem makes one output of the type of an input, and of the dimensions of the first.
func withElem(input int, byDefault Elem) func(*call) ([]fact, string) {
	return func(c *call) ([]fact, string) {
		e := c.input(input).elem
		if e == 0 {
			e = byDefault
		}
		return []fact{c.in[0].with(e)}, ""
	}
}
